"""Requests for Vertex AI: a Model with TF Serving's container, and its deployment.

    model.json            google.cloud.aiplatform.v1.Model
    deployed_model.json   google.cloud.aiplatform.v1.DeployedModel, without the model

Vertex AI copies `artifactUri` to a bucket of its own and tells the container where, in
AIP_STORAGE_URI. TF Serving reads there: the version's folder, and batching.config and
monitoring.config beside it, in server/.

Source: cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements and
configure-compute; google/cloud/aiplatform/v1/model.proto and endpoint.proto.
"""

import math
import re
from typing import Any
from urllib.parse import quote

from serving.deploy import config_files, server_flags
from serving.deploy.errors import DeployError
from serving.deploy.files import GeneratedFile, json_file
from serving.deploy.plan import Plan

SETTINGS = "server"
_STORAGE = "$(AIP_STORAGE_URI)"
_METRICS = "aiplatform.googleapis.com/prediction/online"
_UTILIZATION_PERCENT = 60
_DEPLOY_MARGIN_S = 1200
# n1-standard machines: CPUs and MiB of memory for each; some goes to Vertex AI itself.
_N1_CPUS = (2, 4, 8, 16, 32, 64, 96)
_N1_MIB_A_CPU = 3840
_USABLE_FRACTION = 0.9
_GPUS = {"n1": "NVIDIA_TESLA_T4", "g2": "NVIDIA_L4"}
_TPU_MACHINE, _TPU_TOPOLOGY = "ct5lp-hightpu-1t", "1x1"
_MACHINE = re.compile(r"[a-z][a-z0-9]*-[a-z]+-[a-z0-9]+")


def vertex_files(plan: Plan) -> list[GeneratedFile]:
    """Returns both requests and what is copied beside the model."""
    return [
        json_file("model.json", _model(plan)),
        json_file("deployed_model.json", _deployed_model(plan)),
        config_files.batching_config(SETTINGS, plan.sizing.batching),
        config_files.monitoring_config(SETTINGS),
    ]


def artifact_uri(plan: Plan) -> str:
    """Returns the folder that is to hold {version}/ and server/, and nothing else.

    One folder a version: TF Serving would serve the largest number it finds.
    """
    return f"{plan.source.url}/{plan.model}-{plan.version}"


def server_arguments(plan: Plan) -> list[str]:
    """Returns the command line of the server in the container."""
    flags = [
        server_flags.Flag(name="model_name", value=plan.model),
        server_flags.Flag(name="model_base_path", value=_STORAGE),
        # The copy never changes: one look is enough.
        server_flags.Flag(name="file_system_poll_wait_seconds", value="0"),
        *server_flags.sized_flags(plan.sizing, f"{_STORAGE}/{SETTINGS}"),
    ]
    return [flag.text for flag in flags]


def _model(plan: Plan) -> dict[str, Any]:
    route = f"/v1/models/{quote(plan.model, safe='')}"
    return {
        "displayName": plan.model,
        "versionAliases": [f"v{plan.version}"],
        "versionDescription": (
            f"{plan.model} version {plan.version}, bundle {plan.bundle_digest}"
        ),
        "artifactUri": artifact_uri(plan),
        "labels": {
            "slipway-model": plan.name,
            "slipway-version": str(plan.version),
            "slipway-bundle": plan.bundle_digest[:12],
        },
        "containerSpec": {
            "imageUri": plan.image,
            "command": [server_flags.BINARY],
            "args": server_arguments(plan),
            "ports": [{"containerPort": server_flags.REST_PORT}],
            "predictRoute": f"{route}:predict",
            # The model's status is 200 in every state; its metadata is not.
            "healthRoute": f"{route}/metadata",
            "deploymentTimeout": f"{plan.sizing.startup_s + _DEPLOY_MARGIN_S}s",
        },
    }


def _deployed_model(plan: Plan) -> dict[str, Any]:
    least, most = plan.options.replicas
    return {
        "displayName": f"{plan.model}-{plan.version}",
        "dedicatedResources": {
            "machineSpec": _machine(plan),
            "minReplicaCount": least,
            "maxReplicaCount": most,
            "autoscalingMetricSpecs": [
                {"metricName": f"{_METRICS}/{metric}", "target": _UTILIZATION_PERCENT}
                for metric in _metrics(plan.options.accelerator)
            ],
        },
        "disableContainerLogging": False,
        "enableAccessLogging": False,
    }


def _metrics(accelerator: str) -> list[str]:
    metrics = ["cpu/utilization"]
    if accelerator == "gpu":
        metrics.append("accelerator/duty_cycle")
    return metrics


def _machine(plan: Plan) -> dict[str, Any]:
    accelerator, machine = plan.options.accelerator, plan.options.machine_type
    if machine is not None and not _MACHINE.fullmatch(machine):
        raise DeployError(
            f"--machine-type is {machine!r}; expected one of Vertex AI's, such as "
            "n1-standard-4."
        )
    if accelerator == "tpu":
        if machine not in (None, _TPU_MACHINE):
            raise DeployError(
                f"--machine-type is {machine!r}; with --accelerator tpu expected "
                f"{_TPU_MACHINE}, a machine with one TPU v5e chip. Leave it out."
            )
        return {"machineType": _TPU_MACHINE, "tpuTopology": _TPU_TOPOLOGY}
    machine = machine or _fitting_machine(plan)
    if accelerator == "cpu":
        return {"machineType": machine}
    gpu = _GPUS.get(machine.partition("-")[0])
    if gpu is None:
        raise DeployError(
            f"--machine-type is {machine!r}; with --accelerator gpu expected an n1 "
            "machine, which gets an NVIDIA T4, or a g2 machine with its NVIDIA L4."
        )
    return {"machineType": machine, "acceleratorType": gpu, "acceleratorCount": 1}


def _fitting_machine(plan: Plan) -> str:
    """Returns the smallest n1-standard machine with the CPUs and the memory."""
    usable_mib = _N1_MIB_A_CPU * _USABLE_FRACTION
    needed = max(plan.sizing.cpus, math.ceil(plan.sizing.memory_mib / usable_mib))
    for cpus in _N1_CPUS:
        if cpus >= needed:
            return f"n1-standard-{cpus}"
    raise DeployError(
        f"no n1-standard machine has {plan.sizing.cpus} CPUs and "
        f"{plan.sizing.memory_mib:,} MiB. Name one with --machine-type."
    )

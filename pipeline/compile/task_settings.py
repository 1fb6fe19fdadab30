"""Gives each task its image, resources, retries, caching and longest time."""

import re
from collections.abc import Iterable
from typing import Any

from pipeline.cluster_config import NodeResources
from pipeline.compile.spec_parts import Json, all_tasks, executor_of, task_name
from pipeline.compile.targets import Target
from pipeline.config import PipelineConfig
from pipeline.run_config import RunConfig
from pipeline.settings_loader import ConfigError, did_you_mean

_GIB, _GB = 1024**3, 1000**3
_MAX_BACKOFF = "3600s"
_VERTEX_GPU = re.compile(r"(NVIDIA|TPU)_[A-Z0-9_]+")
_KUBEFLOW_GPU = re.compile(r"[a-z0-9.-]+/[A-Za-z0-9._-]+")


def apply_task_settings(
    spec: Json, config: PipelineConfig, target: Target, uncached: Iterable[str]
) -> None:
    """Writes the settings of `run` and `cluster` into every task.

    Args:
        spec: With tasks renamed for a cluster.
        config: The configuration.
        target: The cluster.
        uncached: Nodes that a cache must not answer for.

    Raises:
        ConfigError: A setting names no node, or asks for what the target lacks.
    """
    uncached = set(uncached)
    node_ids = {name.replace("-", "_"): name for name, _ in all_tasks(spec)}
    for section, named in (
        ("run.nodes", config.run.nodes),
        ("cluster.nodes", config.cluster.nodes),
    ):
        _check_names(section, named, node_ids)
    for name, task in all_tasks(spec):
        node_id = name.replace("-", "_")
        container = executor_of(spec, task).get("container")
        if container is None:
            continue  # A resolver runs in no container.
        run = config.run.of_node(node_id)
        task["cachingOptions"] = (
            {"enableCache": True} if run.cache and node_id not in uncached else {}
        )
        if run.retries:
            task["retryPolicy"] = retry_policy(run)
        container["image"] = config.cluster.image_of(node_id)
        resources = config.cluster.of_node(node_id)
        if resources != NodeResources():
            container["resources"] = resource_spec(node_id, resources, target)
        _check_timeout(node_id, run, target)


def retry_policy(run: RunConfig) -> Json:
    """Returns the RetryPolicy of a task: each wait twice the one before."""
    return {
        "maxRetryCount": run.retries,
        "backoffDuration": f"{run.backoff_s:g}s",
        "backoffFactor": 2.0,
        "backoffMaxDuration": _MAX_BACKOFF,
    }


def resource_spec(node_id: str, asked: NodeResources, target: Target) -> Json:
    """Returns the ResourceSpec of a container, in the old fields and the new ones.

    Newer backends read the text fields, older ones and Vertex AI the numbers.

    Raises:
        ConfigError: The GPU's name is not one of the target's.
    """
    resources: dict[str, Any] = {}
    if asked.cpu is not None:
        resources |= {"cpuLimit": asked.cpu, "resourceCpuLimit": f"{asked.cpu:g}"}
    if asked.memory_gib is not None:
        # The number counts 10^9 bytes.
        resources |= {
            "memoryLimit": asked.memory_gib * _GIB / _GB,
            "resourceMemoryLimit": f"{asked.memory_gib:g}Gi",
        }
    if asked.gpu_type is not None and asked.gpus is not None:
        _check_gpu(node_id, asked.gpu_type, target)
        resources["accelerator"] = {
            "type": asked.gpu_type,
            "count": str(asked.gpus),
            "resourceType": asked.gpu_type,
            "resourceCount": str(asked.gpus),
        }
    return resources


def _check_gpu(node_id: str, gpu_type: str, target: Target) -> None:
    pattern, example = (
        (_VERTEX_GPU, "NVIDIA_TESLA_T4")
        if target.mounts_buckets
        else (_KUBEFLOW_GPU, "nvidia.com/gpu")
    )
    if pattern.fullmatch(gpu_type) is None:
        raise ConfigError(
            f"cluster: node {node_id} asks for the GPU {gpu_type!r}; on {target.name} "
            f"it is called like {example}."
        )


def _check_names(section: str, named: Iterable[str], node_ids: Iterable[str]) -> None:
    for node_id in named:
        if node_id not in node_ids:
            raise ConfigError(
                f"unknown setting {section}.{node_id}; nodes are "
                f"{', '.join(sorted(node_ids))}.{did_you_mean(node_id, node_ids)}"
            )


def _check_timeout(node_id: str, run: RunConfig, target: Target) -> None:
    if run.timeout_s is not None and not target.has_timeouts:
        raise ConfigError(
            f"run: node {node_id} has timeout_s {run.timeout_s!r}; {target.name} ends "
            "no task for its time. Leave it out: --set run.timeout_s=null."
        )


def kubernetes_settings(spec: Json, config: PipelineConfig) -> Json:
    """Returns the PlatformSpec: volumes and longest times of every container.

    Returns:
        Empty where the configuration asks for neither.

    Source:
        kubeflow/pipelines, kubernetes_platform/proto/kubernetes_executor_config.proto.
    """
    labels: Json = {}
    mounts = [
        {
            "constant": volume.claim,
            "pvcNameParameter": {"runtimeValue": {"constant": volume.claim}},
            "mountPath": volume.path,
        }
        for volume in config.cluster.volumes
    ]
    for name, task in all_tasks(spec):
        if "container" not in executor_of(spec, task):
            continue
        timeout_s = config.run.of_node(name.replace("-", "_")).timeout_s
        settings: dict[str, Any] = {"pvcMount": mounts} if mounts else {}
        if timeout_s is not None:
            settings["activeDeadlineSeconds"] = str(max(1, round(timeout_s)))
        if settings:
            component = spec["components"][task_name(task["componentRef"]["name"])]
            labels[component["executorLabel"]] = settings
    if not labels:
        return {}
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": labels}}}}

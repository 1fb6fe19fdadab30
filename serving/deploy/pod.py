"""The pod that runs tensorflow_model_server: one container, no rights, three probes.

Source: kubernetes.io, "Pod Security Standards" (restricted), "Configure Liveness,
Readiness and Startup Probes", "Container Lifecycle Hooks".
"""

import math
from typing import Any
from urllib.parse import quote

from serving.deploy import server_flags
from serving.deploy.compose import health_path
from serving.deploy.model_copy import CONTAINER_SECURITY, init_containers
from serving.deploy.plan import Plan

_CONFIG_POLL_S = 10
_USER = 65532
_PROBE_PERIOD_S = 5
# Until no proxy sends requests to a pod any more, and the last request is answered.
_PRE_STOP_S = 10 + server_flags.REST_TIMEOUT_MS // 1000
_GRACE_S = _PRE_STOP_S + 10
_DEVICES = {"gpu": "nvidia.com/gpu", "tpu": "google.com/tpu"}
_NODES = {
    "cpu": {},
    "gpu": {"nvidia.com/gpu.present": "true"},
    "tpu": {
        "cloud.google.com/gke-tpu-accelerator": "tpu-v5-lite-podslice",
        "cloud.google.com/gke-tpu-topology": "1x1",
    },
}


def selector(plan: Plan) -> dict[str, str]:
    """Returns the labels that all its pods, and no others, have."""
    return {
        "app.kubernetes.io/name": plan.name,
        "app.kubernetes.io/component": "model-server",
    }


def pod_template(plan: Plan) -> dict[str, Any]:
    """Returns the Deployment's `spec.template`."""
    spec: dict[str, Any] = {
        "serviceAccountName": plan.name,
        "automountServiceAccountToken": False,
        "shareProcessNamespace": True,
        "terminationGracePeriodSeconds": _GRACE_S,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    copies = init_containers(plan)
    if copies:
        spec["initContainers"] = copies
    spec["containers"] = [_container(plan)]
    spec["volumes"] = _volumes(plan)
    nodes = dict(plan.options.node_selector) or _NODES[plan.options.accelerator]
    if nodes:
        spec["nodeSelector"] = nodes
    if plan.options.accelerator in _DEVICES:
        spec["tolerations"] = [
            {
                "key": _DEVICES[plan.options.accelerator],
                "operator": "Exists",
                "effect": "NoSchedule",
            }
        ]
    spec["topologySpreadConstraints"] = [
        _spread(plan, "topology.kubernetes.io/zone"),
        _spread(plan, "kubernetes.io/hostname"),
    ]
    return {
        "metadata": {"labels": selector(plan), "annotations": _scraped()},
        "spec": spec,
    }


def pod_reasons(plan: Plan) -> dict[str, str]:
    """Returns the reasons of the template's fields, as fields of a Deployment."""
    sizes = plan.sizing.reasons
    container = {
        "command": "the binary itself: the image's script does not pass signals on",
        "lifecycle.preStop.exec.command": "tensorflow_model_server handles no SIGTERM: "
        f"10 s until no request comes any more, and {_PRE_STOP_S - 10} s for the "
        "longest one that runs",
        "resources.requests.cpu": f"{sizes['cpus']}; equal to the limit, so that the "
        "pod is Guaranteed and TensorFlow's threads fit",
        "resources.requests.memory": sizes["memory"],
        "startupProbe.failureThreshold": f"x {_PROBE_PERIOD_S} s: {sizes['startup']}. "
        "The ports open once a version is loaded",
        "readinessProbe.httpGet.path": "200 once the version that label stable names "
        "is loaded; the model's status is 200 in every state",
        "livenessProbe.httpGet.path": "the status, in every state: a pod is not killed "
        "for a model that does not load",
        "livenessProbe.failureThreshold": "a minute without an answer; less would kill "
        "pods that are only busy",
    }
    pod = {
        "shareProcessNamespace": "else the server is process 1, which SIGTERM does not "
        "end: every pod would hang until the grace period is over",
        "automountServiceAccountToken": "the server asks the cluster nothing",
    }
    if plan.options.accelerator == "gpu" and not plan.options.node_selector:
        pod["nodeSelector"] = (
            "set by NVIDIA's GPU feature discovery; on GKE give --node-selector "
            "cloud.google.com/gke-accelerator=TYPE"
        )
    for place, flag in enumerate(_flags(plan)):
        if flag.reason:
            container[f"args.{place}"] = f"{flag.name}: {flag.reason}"
    prefix = "spec.template.spec"
    return {
        **{f"{prefix}.{name}": why for name, why in pod.items()},
        **{f"{prefix}.containers.0.{name}": why for name, why in container.items()},
    }


def server_arguments(plan: Plan) -> list[str]:
    """Returns the command line of the server in the pod."""
    return [flag.text for flag in _flags(plan)]


def _flags(plan: Plan) -> list[server_flags.Flag]:
    return [
        *server_flags.polled_config_flags(
            _CONFIG_POLL_S, in_bucket=plan.source.kind == "gs"
        ),
        *server_flags.sized_flags(plan.sizing, server_flags.SETTINGS_DIR),
    ]


def _container(plan: Plan) -> dict[str, Any]:
    status = f"/v1/models/{quote(plan.model, safe='')}"
    return {
        "name": "server",
        "image": plan.image,
        "command": [server_flags.BINARY],
        "args": server_arguments(plan),
        "ports": [
            {"name": "http", "containerPort": server_flags.REST_PORT},
            {"name": "grpc", "containerPort": server_flags.GRPC_PORT},
        ],
        "resources": _resources(plan),
        "startupProbe": {
            **_get(status, timeout_s=5),
            "periodSeconds": _PROBE_PERIOD_S,
            "failureThreshold": math.ceil(plan.sizing.startup_s / _PROBE_PERIOD_S),
        },
        "readinessProbe": {
            **_get(health_path(plan.model), timeout_s=5),
            "periodSeconds": _PROBE_PERIOD_S,
            "failureThreshold": 2,
        },
        "livenessProbe": {
            **_get(status, timeout_s=10),
            "periodSeconds": 10,
            "failureThreshold": 6,
        },
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", str(_PRE_STOP_S)]}}},
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": _mounts(plan),
    }


def _get(path: str, *, timeout_s: int) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": "http"}, "timeoutSeconds": timeout_s}


def _resources(plan: Plan) -> dict[str, Any]:
    sizes = {
        "cpu": str(plan.sizing.cpus),
        "memory": f"{plan.sizing.memory_mib}Mi",
    }
    device = _DEVICES.get(plan.options.accelerator)
    if device:
        sizes[device] = "1"
    return {"requests": dict(sizes), "limits": dict(sizes)}


def _mounts(plan: Plan) -> list[dict[str, Any]]:
    mounts = [
        _mount("models-config", server_flags.CONFIG_DIR),
        _mount("settings", server_flags.SETTINGS_DIR),
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - of the container
    ]
    if plan.source.kind == "pvc":
        mounts.append(_mount("models", server_flags.MODELS_DIR))
    elif plan.source.is_copied:
        mounts.append(_mount("models", plan.base_path))
    return mounts


def _mount(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "mountPath": path, "readOnly": True}


def _volumes(plan: Plan) -> list[dict[str, Any]]:
    volumes: list[dict[str, Any]] = [
        {"name": "models-config", "configMap": {"name": f"{plan.name}-models"}},
        {"name": "settings", "configMap": {"name": f"{plan.name}-settings"}},
        {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
    ]
    if plan.source.kind == "pvc":
        claim = {"claimName": plan.source.place, "readOnly": True}
        volumes.append({"name": "models", "persistentVolumeClaim": claim})
    elif plan.source.is_copied:
        volumes.append({"name": "models", "emptyDir": {}})
    return volumes


def _spread(plan: Plan, key: str) -> dict[str, Any]:
    return {
        "maxSkew": 1,
        "topologyKey": key,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": selector(plan)},
    }


def _scraped() -> dict[str, str]:
    from serving.server.monitoring_config import DEFAULT_PATH

    return {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(server_flags.REST_PORT),
        "prometheus.io/path": DEFAULT_PATH,
    }

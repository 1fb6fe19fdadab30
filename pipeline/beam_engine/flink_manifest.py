"""A Flink cluster for Kubernetes, in the words of the Flink Kubernetes operator.

    FlinkDeployment {name}    a session cluster: one job manager that Kubernetes' own
                              store makes highly available, task managers with a Beam
                              worker pool in a sidecar, which runs the pipeline's image
    Service {name}-rest       the operator makes it: beam.flink.master, at port 8081

Source:
    https://nightlies.apache.org/flink/flink-kubernetes-operator-docs-main/docs/custom-resource/reference/
    https://nightlies.apache.org/flink/flink-docs-release-1.19/docs/deployment/config/
"""

from collections.abc import Sequence
from typing import Any

import yaml

from pipeline.beam_engine.beam_config import BeamConfig, FlinkConfig, FlinkPods
from pipeline.cluster_config import ClusterConfig, Volume
from pipeline.flink_cluster.settings import restart_settings
from pipeline.settings_loader import ConfigError

REST_PORT = 8081
_RESTARTS = 3
_MAIN_CONTAINER = "flink-main-container"  # the name that the operator fills in
_HEADER = (
    "# Made by slipway flink-manifest; change the pipeline's configuration instead.\n"
    "# Needs the Flink Kubernetes operator, and the service account that it names.\n"
)


def flink_manifest(beam: BeamConfig, cluster: ClusterConfig) -> str:
    """Returns the manifest as YAML; the same configuration gives the same text.

    Raises:
        ConfigError: With everything that is missing or does not fit.
    """
    problems = list(_problems(beam, cluster))
    if problems:
        raise ConfigError("\n".join(problems))
    document = yaml.safe_dump(_deployment(beam, cluster), sort_keys=False)
    return _HEADER + document


def _problems(beam: BeamConfig, cluster: ClusterConfig) -> Sequence[str]:
    flink, found = beam.flink, []
    service = f"{flink.pods.name}-rest:{REST_PORT}"
    host, _, port = flink.master.partition(":")
    if f"{host.split('.')[0]}:{port}" != service:
        found.append(
            f"beam.flink.master is {flink.master!r}; expected the operator's service "
            f"{service}, or with its namespace {flink.pods.name}-rest.NAMESPACE:"
            f"{REST_PORT}."
        )
    if not (flink.worker_pool or "").startswith("localhost:"):
        given = f"is {flink.worker_pool!r}" if flink.worker_pool else "is missing"
        found.append(
            f"beam.flink.worker_pool {given}; expected localhost:PORT, the sidecar of "
            "each task manager."
        )
    for name, image in (
        ("beam.flink.pods.image", flink.pods.image),
        ("cluster.image", cluster.image),
    ):
        if "@sha256:" not in image:
            found.append(f"{name} is {image!r}; expected registry/name@sha256:….")
    if beam.shared_dir is None:
        found.append(
            "beam.shared_dir is missing; expected a folder on one of cluster.volumes."
        )
    elif not any(volume.holds(beam.shared_dir) for volume in cluster.volumes):
        found.append(
            f"beam.shared_dir is {beam.shared_dir!r}, on none of cluster.volumes: "
            "workers would not see it."
        )
    slots = flink.pods.task_managers * flink.pods.slots
    if flink.parallelism > slots:
        found.append(
            f"beam.flink.parallelism is {flink.parallelism}; beam.flink.pods has "
            f"{slots} slots in all."
        )
    return found


def _deployment(beam: BeamConfig, cluster: ClusterConfig) -> dict[str, Any]:
    flink, pods = beam.flink, beam.flink.pods
    return {
        "apiVersion": "flink.apache.org/v1beta1",
        "kind": "FlinkDeployment",
        "metadata": {"name": pods.name},
        "spec": {
            "image": pods.image,
            "flinkVersion": f"v{flink.version.replace('.', '_')}",
            "mode": "standalone",
            "serviceAccount": pods.service_account,
            "flinkConfiguration": _configuration(beam),
            "podTemplate": _template(
                {"securityContext": {"fsGroup": 9999}, **_volumes(cluster.volumes)},
                [_mounted({"name": _MAIN_CONTAINER}, cluster.volumes)],
            ),
            "jobManager": {
                "replicas": 1,
                "resource": {"cpu": 1.0, "memory": f"{pods.job_manager_mb}m"},
            },
            "taskManager": {
                "replicas": pods.task_managers,
                "resource": {
                    "cpu": pods.task_manager_cpus,
                    "memory": f"{pods.task_manager_mb}m",
                },
                "podTemplate": _template(
                    {},
                    [
                        {"name": _MAIN_CONTAINER},
                        _mounted(_worker_pool(flink, cluster.image), cluster.volumes),
                    ],
                ),
            },
        },
    }


def _configuration(beam: BeamConfig) -> dict[str, str]:
    """Returns Flink's own settings; the operator wants every value as text."""
    return {
        "taskmanager.numberOfTaskSlots": str(beam.flink.pods.slots),
        "parallelism.default": str(beam.flink.parallelism),
        # See pipeline/flink_cluster/settings.py.
        "taskmanager.network.sort-shuffle.min-buffers": "64",
        "taskmanager.memory.network.min": "256m",
        "taskmanager.memory.network.max": "256m",
        **{name: str(value) for name, value in restart_settings(_RESTARTS).items()},
        "high-availability.type": "kubernetes",
        "high-availability.storageDir": f"file://{beam.shared_dir}/flink-ha",
    }


def _worker_pool(flink: FlinkConfig, image: str) -> dict[str, Any]:
    pods: FlinkPods = flink.pods
    address = flink.worker_pool or ""
    port = int(address.rpartition(":")[2])
    resources = {"cpu": pods.worker_cpus, "memory": f"{pods.worker_mb}Mi"}
    return {
        "name": "beam-worker-pool",
        "image": image,
        "command": ["python", "-m", "pipeline.flink_cluster.worker_pool", address],
        "ports": [{"name": "worker-pool", "containerPort": port}],
        "resources": {
            "requests": resources,
            "limits": {"memory": resources["memory"]},
        },
        # A task manager asks for workers as soon as it has a job.
        "startupProbe": {
            "exec": {"command": ["python", "-c", _probe(port)]},
            "periodSeconds": 5,
            "failureThreshold": 24,
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
        },
    }


def _probe(port: int) -> str:
    # The pool listens at the pod's loopback address, which no tcpSocket probe reaches.
    return f"import socket; socket.create_connection(('localhost', {port}), 2).close()"


def _template(spec: dict[str, Any], containers: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "spec": {**spec, "containers": containers},
    }


def _volumes(volumes: Sequence[Volume]) -> dict[str, Any]:
    return {
        "volumes": [
            {
                "name": f"volume-{index}",
                "persistentVolumeClaim": {"claimName": volume.claim},
            }
            for index, volume in enumerate(volumes)
        ]
    }


def _mounted(container: dict[str, Any], volumes: Sequence[Volume]) -> dict[str, Any]:
    mounts = [
        {"name": f"volume-{index}", "mountPath": volume.path}
        for index, volume in enumerate(volumes)
    ]
    return {**container, "volumeMounts": mounts}

"""The manifest for the Flink operator: every field, and what is refused."""

from dataclasses import replace

import kubernetes_validate
import pytest
import yaml

from pipeline.beam_engine.beam_config import BeamConfig, FlinkConfig, FlinkPods
from pipeline.beam_engine.flink_manifest import flink_manifest
from pipeline.cluster_config import ClusterConfig, Volume
from pipeline.settings_loader import ConfigError

PROJECT = "registry.example/slipway@sha256:" + "a1" * 32
FLINK = "registry.example/flink@sha256:" + "b2" * 32
PODS = FlinkPods(name="jobs", image=FLINK, task_managers=3, slots=2, worker_mb=6000)
BEAM = BeamConfig(
    engine="flink",
    shared_dir="/mnt/shared/work",
    flink=FlinkConfig(
        master="jobs-rest.ml:8081",
        worker_pool="localhost:50000",
        parallelism=6,
        pods=PODS,
    ),
)
CLUSTER = ClusterConfig(
    image=PROJECT, volumes=(Volume(claim="ml", path="/mnt/shared"),)
)
MOUNTS = [{"name": "volume-0", "mountPath": "/mnt/shared"}]


@pytest.fixture
def document():
    return yaml.safe_load(flink_manifest(BEAM, CLUSTER))


def test_the_cluster_is_as_configured(document):
    spec = document["spec"]
    assert document["metadata"] == {"name": "jobs"}
    assert (document["apiVersion"], document["kind"]) == (
        "flink.apache.org/v1beta1",
        "FlinkDeployment",
    )
    assert {name: spec[name] for name in ("image", "flinkVersion", "mode")} == {
        "image": FLINK,
        "flinkVersion": "v1_19",
        "mode": "standalone",
    }
    assert "job" not in spec  # a session: every node of a run is a job of its own
    assert spec["serviceAccount"] == "flink"
    assert spec["jobManager"] == {
        "replicas": 1,
        "resource": {"cpu": 1.0, "memory": "2048m"},
    }
    assert spec["taskManager"]["replicas"] == 3
    assert spec["taskManager"]["resource"] == {"cpu": 0.5, "memory": "2048m"}
    assert spec["flinkConfiguration"] == {
        "taskmanager.numberOfTaskSlots": "2",
        "parallelism.default": "6",
        "taskmanager.network.sort-shuffle.min-buffers": "64",
        "taskmanager.memory.network.min": "256m",
        "taskmanager.memory.network.max": "256m",
        "restart-strategy.type": "exponential-delay",
        "restart-strategy.exponential-delay.attempts-before-reset-backoff": "3",
        "restart-strategy.exponential-delay.initial-backoff": "5 s",
        "restart-strategy.exponential-delay.max-backoff": "30 s",
        "restart-strategy.exponential-delay.reset-backoff-threshold": "1 h",
        "high-availability.type": "kubernetes",
        "high-availability.storageDir": "file:///mnt/shared/work/flink-ha",
    }


def test_a_worker_pool_is_beside_each_task_manager(document):
    main, pool = document["spec"]["taskManager"]["podTemplate"]["spec"]["containers"]
    assert main == {"name": "flink-main-container"}
    assert pool.pop("startupProbe")["exec"]["command"][-1] == (
        "import socket; socket.create_connection(('localhost', 50000), 2).close()"
    )
    assert pool == {
        "name": "beam-worker-pool",
        "image": PROJECT,
        "command": [
            "python",
            "-m",
            "pipeline.flink_cluster.worker_pool",
            "localhost:50000",
        ],
        "ports": [{"name": "worker-pool", "containerPort": 50000}],
        "resources": {
            "requests": {"cpu": 2.0, "memory": "6000Mi"},
            "limits": {"memory": "6000Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
        },
        "volumeMounts": MOUNTS,
    }


def test_every_container_sees_the_volumes(document):
    pods = document["spec"]["podTemplate"]["spec"]
    assert pods["volumes"] == [
        {"name": "volume-0", "persistentVolumeClaim": {"claimName": "ml"}}
    ]
    assert pods["containers"] == [
        {"name": "flink-main-container", "volumeMounts": MOUNTS}
    ]


def test_kubernetes_takes_the_pods(document):
    common = document["spec"]["podTemplate"]["spec"]
    own = document["spec"]["taskManager"]["podTemplate"]
    # As the operator merges them; it gives the main container its image.
    main = {"image": FLINK, **common["containers"][0]}
    pod = {
        **own,
        "metadata": {"name": "merged"},
        "spec": {**common, "containers": [main, own["spec"]["containers"][1]]},
    }
    kubernetes_validate.validate(pod, "1.32", strict=True)


def test_the_same_configuration_gives_the_same_text():
    assert flink_manifest(BEAM, CLUSTER) == flink_manifest(BEAM, CLUSTER)


def test_all_that_does_not_fit_is_said_at_once():
    flink = replace(
        BEAM.flink,
        master="elsewhere:8081",
        worker_pool="beam-worker-pool:50000",
        parallelism=7,
        pods=replace(PODS, image="flink:1.19"),
    )
    with pytest.raises(ConfigError) as refused:
        flink_manifest(replace(BEAM, flink=flink, shared_dir="/data"), ClusterConfig())
    assert str(refused.value).splitlines() == [
        (
            "beam.flink.master is 'elsewhere:8081'; expected the operator's service "
            "jobs-rest:8081, or with its namespace jobs-rest.NAMESPACE:8081."
        ),
        (
            "beam.flink.worker_pool is 'beam-worker-pool:50000'; expected "
            "localhost:PORT, the sidecar of each task manager."
        ),
        "beam.flink.pods.image is 'flink:1.19'; expected registry/name@sha256:….",
        "cluster.image is ''; expected registry/name@sha256:….",
        (
            "beam.shared_dir is '/data', on none of cluster.volumes: workers "
            "would not see it."
        ),
        "beam.flink.parallelism is 7; beam.flink.pods has 6 slots in all.",
    ]


def test_missing_addresses_and_folders_are_refused():
    flink = replace(BEAM.flink, worker_pool=None)
    with pytest.raises(ConfigError) as refused:
        flink_manifest(replace(BEAM, flink=flink, shared_dir=None), CLUSTER)
    assert str(refused.value).splitlines() == [
        (
            "beam.flink.worker_pool is missing; expected localhost:PORT, the "
            "sidecar of each task manager."
        ),
        "beam.shared_dir is missing; expected a folder on one of cluster.volumes.",
    ]

"""Wishes that do not go together are refused with what to ask for instead."""

import dataclasses

import pytest

from serving.deploy.errors import DeployError
from serving.deploy.images import default_image
from serving.deploy.options import DeployOptions

IMAGE = "europe-west4-docker.pkg.dev/p/r/serving:2.21.0"
SHA = "tensorflow/serving@sha256:" + "a1" * 32
KUBERNETES = {"target": "kubernetes", "model_source": "pvc:models"}
VERTEX = {"target": "vertex", "model_source": "gs://bucket/models", "image": IMAGE}
DOCKER = {"target": "docker"}

REFUSED = [
    (DOCKER | {"accelerator": "tpu"}, "tpu does not go with --target docker.*on GKE"),
    (KUBERNETES | {"accelerator": "tpu"}, "needs --image: TF Serving publishes no"),
    (DOCKER | {"accelerator": "fpga"}, "'fpga'; expected cpu or gpu or tpu"),
    ({"target": "swarm"}, "'swarm'; expected docker or kubernetes or vertex"),
    ({"target": "kubernetes"}, "needs --model-source.*pvc:CLAIM"),
    ({"target": "vertex"}, "needs --model-source.*gs://BUCKET/PATH"),
    (VERTEX | {"image": None}, "Vertex AI takes images from Artifact Registry"),
    (VERTEX | {"image": SHA}, "Vertex AI takes images from Artifact Registry"),
    (VERTEX | {"from_version": 6}, "--from-version means nothing.*keep-traffic"),
    (DOCKER | {"min_replicas": 2}, "--min-replicas means nothing.*one server"),
    (DOCKER | {"max_replicas": 2}, "--max-replicas means nothing.*one server"),
    (KUBERNETES | {"machine_type": "n1-standard-4"}, "--machine-type means nothing"),
    (VERTEX | {"node_selector": {"a": "b"}}, "--node-selector means nothing"),
    (DOCKER | {"fetch_image": SHA}, "--fetch-image means nothing"),
    (KUBERNETES | {"fetch_image": SHA}, "needs none; leave it out"),
    (
        KUBERNETES | {"model_source": "s3://bucket/models"},
        "needs --fetch-image.*no s3://.*since 2.7",
    ),
    (
        KUBERNETES
        | {"model_source": "s3://bucket/models", "fetch_image": "aws:latest"},
        "--fetch-image is 'aws:latest', which is another image tomorrow",
    ),
    (KUBERNETES | {"node_selector": {"a b": "c"}}, "--node-selector is a b=c"),
    (KUBERNETES | {"node_selector": {"a": "c\n"}}, "--node-selector is a=c"),
    (DOCKER | {"cpus": 0}, "--cpus is 0; expected 1 to 256"),
    (DOCKER | {"memory_mib": 0}, "--memory-mb is 0; expected 256 to"),
    (DOCKER | {"latency_ms": float("nan")}, "--latency-ms is nan"),
    (DOCKER | {"latency_ms": 0.5}, "--latency-ms is 0.5; expected 1 to"),
    (KUBERNETES | {"min_replicas": 0}, "--min-replicas is 0; expected 1 to"),
    (
        KUBERNETES | {"min_replicas": 4, "max_replicas": 3},
        "--max-replicas is 3; expected 4 to",
    ),
    (DOCKER | {"image": "tensorflow/serving"}, "another image tomorrow.*digest"),
    (DOCKER | {"image": "tensorflow/serving:latest-gpu"}, "another image tomorrow"),
    (DOCKER | {"image": "a b"}, "--image is 'a b'; expected an image"),
    (DOCKER | {"image": "a:1\nprivileged: true"}, "expected an image"),
    (DOCKER | {"model_source": "gs://bucket/m"}, "for --target docker expected a fol"),
    (DOCKER | {"model_source": "/no/such/folder"}, "no folder of this machine"),
    (KUBERNETES | {"model_source": "/models"}, "for --target kubernetes expected pvc"),
    (VERTEX | {"model_source": "pvc:a"}, "for --target vertex expected gs://"),
    (KUBERNETES | {"model_source": "pvc:A_b"}, "PersistentVolumeClaim: small letters"),
    (KUBERNETES | {"model_source": "gs://b"}, "expected gs://BUCKET/PATH"),
    (KUBERNETES | {"model_source": "gs://bucket/a b"}, "expected gs://BUCKET/PATH"),
    (KUBERNETES | {"model_source": "gs://bucket/../x?y"}, "expected gs://BUCKET/PATH"),
    (KUBERNETES | {"model_source": "image:m:latest"}, "another image tomorrow"),
]


@pytest.mark.parametrize(
    ("options", "message"), REFUSED, ids=[message[:40] for _, message in REFUSED]
)
def test_it_is_refused_with_a_remedy(plan_of, options, message):
    with pytest.raises(DeployError, match=f"(?s){message}") as refused:
        plan_of(**options)
    assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, (2, 10)),
        ({"min_replicas": 20}, (20, 20)),
        ({"max_replicas": 1}, (1, 1)),
        ({"min_replicas": 3, "max_replicas": 3}, (3, 3)),
    ],
    ids=str,
)
def test_replicas_that_are_left_out_fit_those_that_are_not(options, expected):
    assert DeployOptions(target="kubernetes", **options).replicas == expected


@pytest.mark.parametrize(
    ("tensorflow", "accelerator", "image"),
    [
        ("2.21.0", "cpu", "tensorflow/serving:2.21.0"),
        ("2.21.3", "gpu", "tensorflow/serving:2.21.0-gpu"),
        ("2.9.1-rc2", "cpu", "tensorflow/serving:2.9.0"),
    ],
)
def test_the_image_is_of_the_models_tensorflow(tensorflow, accelerator, image):
    assert default_image(tensorflow, accelerator) == image


def test_a_model_of_an_unknown_tensorflow_needs_an_image(plan_of):
    def forget(contract):
        return dataclasses.replace(contract, library_versions={})

    with pytest.raises(DeployError, match="Name an image with --image"):
        plan_of(change=forget)
    assert plan_of(change=forget, image=SHA).image == SHA


def test_a_digest_ends_the_warning_that_a_tag_gets(plan_of):
    assert any("pinned by its tag" in warning for warning in plan_of().warnings)
    assert plan_of(image=SHA).warnings == ()


def test_a_bundle_without_measurements_gets_a_warning(plan_of):
    plan = plan_of(
        image=SHA, change=lambda contract: dataclasses.replace(contract, serving=None)
    )
    (warning,) = plan.warnings
    assert "--memory-mb" in warning


def test_a_device_is_told_that_measurements_come_from_a_cpu(plan_of):
    (warning,) = plan_of(image=SHA, accelerator="gpu").warnings
    assert "on a CPU" in warning


def test_a_graph_that_would_leave_the_tpu_idle_gets_a_warning(plan_of, base_path):
    options = KUBERNETES | {"accelerator": "tpu", "image": SHA}
    assert any("TPU idle" in warning for warning in plan_of(**options).warnings)
    (base_path / "7" / "saved_model.pb").write_bytes(b"..TPUPartitionedCall..")
    assert not any("TPU idle" in warning for warning in plan_of(**options).warnings)


def test_a_model_that_needs_escaping_is_refused(plan_of):
    def rename(contract):
        identity = dataclasses.replace(contract.model, name="a/b")
        return dataclasses.replace(contract, model=identity)

    with pytest.raises(DeployError, match="the model is called 'a/b'"):
        plan_of(change=rename)

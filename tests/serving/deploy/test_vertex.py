"""Every field of the requests is expected; Vertex AI's own messages take them."""

import argparse
import json

import pytest

from serving.deploy.errors import DeployError
from serving.deploy.generate import deployment_files
from serving.deploy.scripts import vertex_upload
from serving.deploy.vertex import vertex_files
from tests.serving.deploy.conftest import differences, expected_leaves, leaves

IMAGE = "europe-west4-docker.pkg.dev/p/r/serving:2.21.0"
MACHINE = "deployed_model.json:dedicatedResources"


@pytest.fixture
def vertex_plan(plan_of):
    def of(**options):
        source = {"model_source": "gs://bucket/models", "image": IMAGE}
        return plan_of("vertex", **(source | options))

    return of


def fields(plan):
    found = {}
    for file in vertex_files(plan):
        if file.path.endswith(".json"):
            document = json.loads(file.text)
            found |= {f"{file.path}:{k}": v for k, v in leaves(document).items()}
    return found


def test_every_field_is_expected(vertex_plan):
    plan = vertex_plan()
    assert fields(plan) == expected_leaves(
        "vertex", digest=plan.bundle_digest, short_digest=plan.bundle_digest[:12]
    )


def test_a_gpu_is_part_of_the_machine(vertex_plan):
    assert differences(
        fields(vertex_plan()), fields(vertex_plan(accelerator="gpu"))
    ) == {
        f"{MACHINE}.machineSpec.acceleratorType": "NVIDIA_TESLA_T4",
        f"{MACHINE}.machineSpec.acceleratorCount": 1,
        f"{MACHINE}.autoscalingMetricSpecs.1.metricName": (
            "aiplatform.googleapis.com/prediction/online/accelerator/duty_cycle"
        ),
        f"{MACHINE}.autoscalingMetricSpecs.1.target": 60,
    }
    l4 = fields(vertex_plan(accelerator="gpu", machine_type="g2-standard-8"))
    assert l4[f"{MACHINE}.machineSpec.acceleratorType"] == "NVIDIA_L4"


def test_a_tpu_is_a_machine_with_a_topology(vertex_plan):
    tpu = fields(vertex_plan(accelerator="tpu"))
    assert tpu[f"{MACHINE}.machineSpec.machineType"] == "ct5lp-hightpu-1t"
    assert tpu[f"{MACHINE}.machineSpec.tpuTopology"] == "1x1"
    assert f"{MACHINE}.machineSpec.acceleratorType" not in tpu


@pytest.mark.parametrize(
    ("options", "machine"),
    [
        ({"cpus": 3}, "n1-standard-4"),
        # 0.9 x 3,840 MiB are usable for each CPU.
        ({"memory_mib": 6912}, "n1-standard-2"),
        ({"memory_mib": 6913}, "n1-standard-4"),
        ({"machine_type": "e2-highcpu-16"}, "e2-highcpu-16"),
    ],
    ids=str,
)
def test_the_machine_holds_cpus_and_memory(vertex_plan, options, machine):
    found = fields(vertex_plan(**options))
    assert found[f"{MACHINE}.machineSpec.machineType"] == machine


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"memory_mib": 2**20}, "no n1-standard machine has 2 CPUs and 1,048,576 MiB"),
        ({"machine_type": "big"}, "--machine-type is 'big'"),
        (
            {"machine_type": "e2-standard-4", "accelerator": "gpu"},
            "expected an n1 machine",
        ),
        (
            {"machine_type": "n1-standard-4", "accelerator": "tpu"},
            "expected ct5lp-hightpu-1t",
        ),
    ],
    ids=["memory", "no machine", "no gpu", "no tpu"],
)
def test_a_machine_that_does_not_fit_is_refused(vertex_plan, options, message):
    with pytest.raises(DeployError, match=message):
        fields(vertex_plan(**options))


@pytest.fixture
def uploader(vertex_plan, tmp_path, monkeypatch):
    """The generated upload.py's main, its files in place."""
    for file in deployment_files(vertex_plan(accelerator="gpu")):
        path = tmp_path / file.path
        path.parent.mkdir(exist_ok=True)
        path.write_text(file.text)
    monkeypatch.setattr(vertex_upload, "HERE", tmp_path)
    return vertex_upload.main


def test_requests_are_messages_of_vertex_ai(uploader, capsys):
    from google.cloud import aiplatform_v1

    place = ["--project", "p", "--region", "europe-west4"]
    assert (
        uploader([*place, "--endpoint", "9", "--parent-model", "5", "--dry-run"]) == 0
    )
    sent = json.loads(capsys.readouterr().out)
    upload = aiplatform_v1.UploadModelRequest.from_json(
        json.dumps(sent["uploadModel"]), ignore_unknown_fields=False
    )
    assert upload.parent == "projects/p/locations/europe-west4"
    assert upload.parent_model == "projects/p/locations/europe-west4/models/5"
    assert upload.model.container_spec.ports[0].container_port == 8501
    assert upload.model.container_spec.deployment_timeout.total_seconds() == 1342
    deploy = aiplatform_v1.DeployModelRequest.from_json(
        json.dumps(sent["deployModel"]), ignore_unknown_fields=False
    )
    assert deploy.endpoint == "projects/p/locations/europe-west4/endpoints/9"
    assert deploy.traffic_split == {"0": 100}
    machine = deploy.deployed_model.dedicated_resources.machine_spec
    assert machine.accelerator_type is aiplatform_v1.AcceleratorType.NVIDIA_TESLA_T4
    assert machine.accelerator_count == 1


def test_traffic_that_is_kept_is_not_split_anew(uploader, capsys):
    place = ["--project", "p", "--region", "europe-west4", "--endpoint", "9"]
    assert uploader([*place, "--keep-traffic", "--dry-run"]) == 0
    assert json.loads(capsys.readouterr().out)["deployModel"]["trafficSplit"] == {}


def test_a_field_that_vertex_ai_has_not_is_an_error(vertex_plan):
    from google.cloud import aiplatform_v1
    from google.protobuf.json_format import ParseError

    document = json.loads(vertex_files(vertex_plan())[0].text) | {"healthPath": "/"}
    with pytest.raises(ParseError, match="healthPath"):
        vertex_upload._message(aiplatform_v1.Model, document)


def test_without_credentials_it_says_how_to_sign_in(uploader, capsys, monkeypatch):
    from google.auth import exceptions

    def refuse(_: argparse.Namespace) -> None:
        raise exceptions.DefaultCredentialsError("none were found")

    monkeypatch.setattr(vertex_upload, "run", refuse)
    assert uploader(["--project", "p", "--region", "europe-west4"]) == 1
    error = capsys.readouterr().err
    assert "no credentials for Google Cloud: none were found" in error
    assert "gcloud auth application-default login" in error

"""What `slipway compile` writes is what `slipway submit` reads and sends."""

import json

import pytest
import typer
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from typer.testing import CliRunner

from pipeline.compile import compile_pipeline
from pipeline.pipeline_argument import find_config
from pipeline.settings_loader import ConfigError
from pipeline.submit import kubeflow, vertex
from pipeline.submit.compiled_file import parse_compiled
from pipeline.submit.parameters import parse_parameters
from pipeline.submit_command import submit

KUBEFLOW = kubeflow.KubeflowTarget(host="http://localhost:1", run_name="r")
VERTEX = vertex.VertexTarget(project="my-project", region="europe-west4", run_name="r")


@pytest.fixture(params=["kubeflow_file", "vertex_file"])
def either_file(request):
    return request.getfixturevalue(request.param)


def test_parameters_are_those_that_were_compiled(either_file):
    read = parse_compiled(either_file.content, "F")
    assert {name: p.type for name, p in read.parameters.items()} == {
        name: parameter.kind for name, parameter in either_file.parameters.items()
    }
    assert {name for name, p in read.parameters.items() if p.is_required} == {
        name for name, p in either_file.parameters.items() if p.default is None
    }
    assert (read.name, read.pipeline_root) == ("flights", either_file.pipeline_root)
    values = parse_parameters(["max_epochs=2", "learning_rate=1e-05"], read.parameters)
    assert values == {"max_epochs": 2, "learning_rate": 0.00001}


def test_kubeflow_is_sent_spec_and_kubernetes_settings(kubeflow_file):
    read = parse_compiled(kubeflow_file.content, "F")
    *_, run = kubeflow.plan(read, {"max_epochs": 2}, KUBEFLOW).requests
    sent = run.body["pipeline_spec"]
    spec = json_format.ParseDict(
        sent["pipeline_spec"], pipeline_spec_pb2.PipelineSpec()
    )
    platform = json_format.ParseDict(
        sent["platform_spec"], pipeline_spec_pb2.PlatformSpec()
    )
    assert spec.schema_version == "2.1.0"
    assert len(spec.deployment_spec["executors"]) > 10
    assert list(platform.platforms) == ["kubernetes"]
    assert run.body["runtime_config"] == {"parameters": {"max_epochs": 2}}


def test_vertex_takes_the_job_as_its_own_message(vertex_file):
    from google.cloud.aiplatform_v1 import PipelineJob

    read = parse_compiled(vertex_file.content, "F")
    body = vertex.job_body(read, {"max_epochs": 2}, VERTEX)
    message = json_format.ParseDict(body, PipelineJob.pb(PipelineJob()))
    assert message.runtime_config.gcs_output_directory == "gs://bucket/artifacts"
    assert message.runtime_config.parameter_values["max_epochs"].number_value == 2
    assert message.pipeline_spec["schemaVersion"] == "2.1.0"


@pytest.fixture
def run(monkeypatch, kubeflow_file):
    """The command, whose compiler is asked and answers with the session's file."""
    asked = []

    def compile_once(*arguments):
        asked.append(arguments)
        return kubeflow_file

    monkeypatch.setattr(compile_pipeline, "compile_pipeline", compile_once)
    app = typer.Typer()
    app.command()(submit)

    def invoke(*options):
        options = ("flights", "--target", "kubeflow", "--host", "http://x", *options)
        return CliRunner().invoke(app, list(options)), asked

    return invoke


def test_pipeline_is_compiled_first_with_the_settings_given(run):
    result, asked = run("--dry-run", "--set", "train.max_epochs=3")
    assert result.exit_code == 0, result.output
    assert asked == [(find_config("flights"), "kubeflow", {"train.max_epochs": 3})]
    body = json.loads(result.output)["requests"][-1]["body"]
    assert body["display_name"].startswith("flights-")


def test_setting_beside_a_compiled_file_is_refused(run, tmp_path):
    result, asked = run(
        "--compiled", str(tmp_path / "f"), "--set", "train.max_epochs=3"
    )
    assert isinstance(result.exception, ConfigError)
    assert str(result.exception).startswith(
        "--set train.max_epochs=3 beside --compiled: "
    )
    assert asked == []

"""`slipway submit`: options, words and exit codes."""

import json
import os
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from pipeline.settings_loader import ConfigError
from pipeline.submit import kubeflow
from pipeline.submit_command import submit


@pytest.fixture(autouse=True)
def no_pod(monkeypatch, tmp_path):
    monkeypatch.setattr(kubeflow, "_POD_TOKEN", tmp_path / "no-token")


@pytest.fixture
def run():
    app = typer.Typer()
    app.command()(submit)

    def invoke(*arguments):
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return invoke


@pytest.fixture
def on_kubeflow(run, host, kubeflow_file):
    def invoke(*options):
        return run(
            "rides", "--target", "kubeflow", "--compiled", kubeflow_file, "--host",
            host.url, "--param", "last_span=12", *options,
        )  # fmt: skip

    return invoke


def refusal(result):
    assert isinstance(result.exception, ConfigError)
    return str(result.exception)


def test_it_says_what_was_started_and_where_to_look(host, on_kubeflow):
    found = {"experiments": [{"experiment_id": "e1", "display_name": "rides"}]}
    host.answers(
        **{
            "GET /apis/v2beta1/experiments": {"body": found},
            "POST /apis/v2beta1/runs": {"body": {"run_id": "r1"}},
        }
    )
    result = on_kubeflow("--run-name", "first")
    assert result.exit_code == 0, result.output
    assert result.output == (
        "submitted  run first\n"
        "id         r1\n"
        f"look       {host.url}/#/runs/details/r1\n"
    )


def test_every_option_reaches_the_request(host, on_kubeflow):
    result = on_kubeflow(
        "--dry-run", "--namespace", "team", "--experiment", "trials", "--recurring",
        "0 0 * * * *", "--pipeline-root", "s3://b/p", "--service-account", "runner",
        "--token-file", "/nowhere/token", "--param", "min_auc=0.7",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    shown = json.loads(result.output)
    assert host.asked() == []
    assert shown["credentials"] == "bearer token in /nowhere/token"
    listed, made, recurring = shown["requests"]
    assert "namespace=team" in listed["url"]
    assert made["body"] == {"display_name": "trials", "namespace": "team"}
    assert made["when"] == "there is no experiment 'trials' yet"
    assert recurring["url"] == f"{host.url}/apis/v2beta1/recurringruns"
    body = recurring["body"]
    # A schedule's name does not tell a time.
    assert body["display_name"] == "rides"
    assert body["service_account"] == "runner"
    assert body["trigger"] == {"cron_schedule": {"cron": "0 0 * * * *"}}
    assert body["runtime_config"] == {
        "parameters": {"last_span": 12, "min_auc": 0.7},
        "pipeline_root": "s3://b/p",
    }


def test_every_option_reaches_vertexs_request(run, vertex_file):
    result = run(
        "rides", "--target", "vertex", "--compiled", vertex_file, "--dry-run",
        "--project", "my-project", "--region", "europe-west4", "--schedule",
        "0 * * * *", "--staging-bucket", "gs://b/p", "--service-account", "a@b.c",
        "--endpoint", "https://psc.example", "--run-name", "hourly",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    (request,) = json.loads(result.output)["requests"]
    parent = "projects/my-project/locations/europe-west4"
    assert request["url"] == f"https://psc.example/v1/{parent}/schedules"
    assert (request["body"]["displayName"], request["body"]["cron"]) == (
        "hourly",
        "0 * * * *",
    )
    job = request["body"]["createPipelineJobRequest"]["pipelineJob"]
    assert job["serviceAccount"] == "a@b.c"
    assert job["runtimeConfig"]["gcsOutputDirectory"] == "gs://b/p"


def test_runs_name_tells_its_time(on_kubeflow):
    shown = json.loads(on_kubeflow("--dry-run").output)
    name = shown["requests"][-1]["body"]["display_name"]
    assert name.startswith("rides-20")
    assert len(name) == len("rides-20131231-235959")


def test_host_may_come_from_the_variable_that_kfp_reads(
    run, host, kubeflow_file, monkeypatch
):
    arguments = ["rides", "--target", "kubeflow", "--compiled", kubeflow_file]
    arguments += ["--param", "last_span=12", "--dry-run"]
    assert refusal(run(*arguments)).startswith(
        "--host is missing, and KF_PIPELINES_ENDPOINT is not set; give the address"
    )
    monkeypatch.setenv("KF_PIPELINES_ENDPOINT", host.url)
    assert host.url in run(*arguments).output


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            ["--target", "vertx"],
            "--target is 'vertx'; expected kubeflow or vertex. Did you mean 'vertex'?",
        ),
        (
            ["--target", "vertex", "--region", "europe-west4"],
            "--project is missing; --target vertex needs it.",
        ),
        (
            ["--target", "vertex", "--project", "my-project"],
            "--region is missing; --target vertex needs it.",
        ),
        (
            ["--target", "vertex", "--host", "http://x"],
            "--host is for --target kubeflow, not vertex.",
        ),
        (
            ["--target", "kubeflow", "--staging-bucket", "gs://b"],
            "--staging-bucket is for --target vertex, not kubeflow.",
        ),
    ],
)
def test_wrong_usage_is_refused(run, vertex_file, options, text):
    assert refusal(run("rides", "--compiled", vertex_file, *options)) == text


def test_refusals_are_one_line_and_an_exit_code(host, kubeflow_file):
    def process(*options):
        return subprocess.run(
            [
                sys.executable, "-m", "pipeline.cli", "submit", "rides", "--target",
                "kubeflow", "--compiled", kubeflow_file, "--host", host.url, *options,
            ],
            capture_output=True, text=True, check=False, env=os.environ,
        )  # fmt: skip

    unknown = process("--param", "last_spam=1")
    assert unknown.returncode == 2
    assert unknown.stderr.startswith("slipway: --param last_spam: the compiled")
    assert unknown.stderr.count("\n") == 1
    host.answers(**{"GET /apis/v2beta1/experiments": {"status": 401}})
    refused = process("--param", "last_span=1")
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"slipway: {host.url} answered 401 Unauthorized. ")
    assert refused.stderr.count("\n") == 1
    assert refused.stdout == ""

"""`slipway deploy`: which bundle, which words, which exit codes."""

import dataclasses

import pytest
import typer
from typer.testing import CliRunner

from pipeline import cli
from pipeline.deploy_command import deploy
from pipeline.settings_loader import ConfigError
from serving.bundle import contract as bundle_contract
from serving.bundle.errors import BundleRefusedError
from serving.bundle.measurements import BatchTime, ServingMeasurements
from serving.bundle.seal import seal
from serving.deploy import generate
from serving.deploy.errors import DeployError
from tests.serving.versions.paper_bundle import paper_contract

MEASURED = ServingMeasurements(
    server="slipway 0.1.0",
    load_s=3.0,
    warmup_s=0.1,
    memory_bytes=500 * 2**20,
    latency_p50_ms=1.0,
    latency_p99_ms=2.0,
    batches=(BatchTime(num_rows=32, call_ms=5.0),),
)


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    """Version 7 with a contract and no model; only its hashes are checked."""
    monkeypatch.setattr(generate, "_GUARDS", generate._GUARDS[1:2])
    folder = tmp_path / "models" / "rides" / "7"
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    contract = paper_contract(7, name="rides")
    seal(folder, dataclasses.replace(contract, serving=MEASURED))
    return folder


@pytest.fixture
def run():
    app = typer.Typer()
    app.command()(deploy)

    def invoke(*arguments):
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return invoke


def test_it_says_what_was_written_and_where_to_go_on(run, bundle, tmp_path):
    out = tmp_path / "out"
    result = run(bundle, "--target", "docker", "--out", out)
    assert result.exit_code == 0, result.output
    digest = bundle_contract.read_contract(bundle).digest
    assert f"model    rides version 7, bundle {digest[:12]}\n" in result.output
    assert "image    tensorflow/serving:2.21.0\n" in result.output
    # 2 x 500 MiB x 1.2 = 1200, up to the next 64.
    assert "sizes    2 CPUs, 1,216 MiB, batches up to 32 rows\n" in result.output
    assert f"written  7 files in {out}\n" in result.output
    assert "warning  image tensorflow/serving:2.21.0 is pinned by" in result.output
    assert f"next     {out}/README.md" in result.output
    assert (out / "compose.yaml").is_file()


def test_every_option_reaches_the_files(run, bundle, tmp_path):
    out = tmp_path / "out"
    result = run(
        bundle, "--target", "kubernetes", "--accelerator", "gpu", "--out", out,
        "--model-source", "s3://bucket/models", "--image", "registry.example/tfs:1",
        "--fetch-image", "amazon/aws-cli:2.1", "--from-version", 6, "--cpus", 5,
        "--memory-mb", 4000, "--latency-ms", 21, "--min-replicas", 3,
        "--max-replicas", 4, "--node-selector", "example.com/gpu=a100",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    manifest = (out / "base" / "deployment.yaml").read_text()
    for text in (
        "image: registry.example/tfs:1",
        "image: amazon/aws-cli:2.1",
        "s3://bucket/models/rides/6",
        "cpu: '5'",
        "memory: 4000Mi",
        "nvidia.com/gpu: '1'",
        "example.com/gpu: a100",
    ):
        assert text in manifest
    scaling = (out / "base" / "hpa.yaml").read_text()
    assert "minReplicas: 3\n  maxReplicas: 4\n" in scaling
    # 21 ms, 1 of them to fill: four calls of 5 ms, so 2 threads x 3.
    batching = (out / "base" / "batching.config").read_text()
    assert "max_enqueued_batches {\n  value: 6\n}" in batching
    assert (out / "2-canary" / "models.config").is_file()


def test_the_machine_of_vertex_ai_can_be_named(run, bundle, tmp_path):
    result = run(
        bundle, "--target", "vertex", "--out", tmp_path / "out",
        "--model-source", "gs://bucket/models", "--machine-type", "n2-standard-8",
        "--image", "europe-west4-docker.pkg.dev/p/r/tfs:2.21.0",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    text = (tmp_path / "out" / "deployed_model.json").read_text()
    assert '"machineType": "n2-standard-8"' in text


def test_a_second_time_needs_overwrite(run, bundle, tmp_path):
    arguments = (bundle, "--target", "docker", "--out", tmp_path / "out")
    assert run(*arguments).exit_code == 0
    refused = run(*arguments)
    assert isinstance(refused.exception, DeployError)
    assert refused.exception.exit_code == 2
    assert run(*arguments, "--overwrite").exit_code == 0


def test_a_changed_bundle_ends_with_5(run, bundle, tmp_path):
    (bundle / "saved_model.pb").write_bytes(b"grapH")
    refused = run(bundle, "--target", "docker", "--out", tmp_path / "out")
    assert isinstance(refused.exception, BundleRefusedError)
    assert refused.exception.exit_code == 5
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["gpu", "=a"])
def test_a_node_selector_is_a_pair(run, bundle, tmp_path, text):
    refused = run(
        bundle, "--target", "kubernetes", "--out", tmp_path, "--node-selector", text
    )
    assert isinstance(refused.exception, ConfigError)
    assert f"--node-selector is {text!r}" in str(refused.exception)


def test_a_model_there_is_not_is_refused(run, tmp_path):
    refused = run("no/model", "--target", "docker", "--out", tmp_path / "out")
    assert isinstance(refused.exception, ConfigError)


def test_the_command_is_one_of_slipways():
    names = [command.callback for command in cli.app.registered_commands]
    assert deploy in names

"""What a run pushes is a bundle that proves itself and says where it is from."""

import json
import shutil
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from data.spans import load_manifest
from models.flights.features import FEATURE_KEYS
from serving.bundle import layout, schema_file
from serving.bundle.contract import read_contract
from serving.bundle.golden_batch import read_golden_batch
from tests.e2e.project import ENVIRONMENT, ROOT, ROWS_PER_SPAN, SLIPWAY

pytestmark = pytest.mark.e2e


def slipway(*arguments):
    return subprocess.run(
        [*SLIPWAY, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=ENVIRONMENT,
        check=False,
    )


@pytest.fixture(scope="module")
def bundle(project, first_run):
    assert first_run.returncode == 0, first_run.stdout
    return project.models / "1"


@pytest.fixture(scope="module")
def run(project, bundle):
    """The run that the bundle is from."""
    return project.work_dir.read(read_contract(bundle).contract.run.run_id)


def test_pushed_bundle_is_verified_by_the_command_line(bundle):
    done = slipway("verify", bundle)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("OK flights version 1, bundle ")
    assert done.stderr == ""


def test_contract_says_what_the_run_knows(bundle, project, run):
    sealed = read_contract(bundle)
    contract = sealed.contract

    assert contract.model.name == "flights"
    assert contract.model.version == 1
    assert contract.run.run_id == run.run_id
    assert contract.key == "flight_id"
    assert contract.label.name == "is_late"
    assert contract.label.classes == ("on_time", "late")
    assert contract.feature_names == FEATURE_KEYS
    manifests = [load_manifest(project.spans, span) for span in (1, 2, 3)]
    assert [span.digest for span in contract.data.spans] == [
        manifest.digest for manifest in manifests
    ]
    assert sum(span.num_rows for span in contract.data.spans) == 3 * ROWS_PER_SPAN
    counts = run.node("example_gen").output("examples").properties
    assert contract.data.num_train_rows == counts["train_rows"]
    assert contract.data.num_eval_rows == counts["eval_rows"]
    pushed = run.node("pusher").output("pushed_model").properties
    assert pushed["bundle_digest"] == sealed.digest
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"],  # noqa: S607 - the developer's own git
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    ).stdout.strip()
    assert contract.run.code.commit == (commit or None)


def test_metrics_and_verdict_are_the_gates(bundle, run):
    evaluation = read_contract(bundle).contract.evaluation
    uri = run.node("quality_gate").output("blessing").uri
    verdict = json.loads((Path(uri) / "verdict.json").read_text())

    assert evaluation.verdict == verdict["sentence"]
    assert {metric.name: metric.value for metric in evaluation.metrics} == verdict[
        "model"
    ][0]["metrics"]
    assert all(check.is_met for check in evaluation.checks)


def test_schema_and_statistics_are_those_of_the_run(bundle, run):
    contract = read_contract(bundle).contract
    curated = (ROOT / "data/flights/schema.pbtxt").read_bytes()
    assert contract.schema_fingerprint == schema_file.schema_fingerprint(
        schema_file.parse_schema(curated)
    )
    uri = run.node("statistics_gen").output("statistics").uri
    train = Path(uri) / "Split-train" / "FeatureStats.pb"
    assert (bundle / layout.STATISTICS).read_bytes() == train.read_bytes()


def test_served_files_are_the_trained_model_byte_for_byte(bundle, run):
    trained = Path(run.node("trainer").output("model").uri)
    assert layout.model_digest(bundle) == layout.model_digest(
        trained / "Format-Serving"
    )


def test_golden_rows_are_at_most_256_and_have_both_answers(bundle):
    golden = read_golden_batch(bundle)
    assert 64 <= len(golden.rows) <= 256
    assert set(golden.expected_output("label")) == {"on_time", "late"}


def test_contract_has_what_the_serving_validator_measured(bundle, run):
    blessing = run.node("serving_validator").output("blessing")
    report = json.loads((Path(blessing.uri) / "load_report.json").read_text())
    serving = read_contract(bundle).contract.serving
    assert serving is not None
    assert serving.server == blessing.properties["server"]
    for name in ("load_s", "warmup_s", "latency_p50_ms", "memory_bytes"):
        measured = getattr(serving, name)
        assert blessing.properties[name] == report["serving"][name] == measured > 0
    assert report["load"]["num_rest"] > 0


def test_scored_file_leads_back_to_the_run(bundle, project, run, tmp_path):
    spans = project.spans / "span-3"
    done = slipway("score", bundle, "--input", spans, "--output", tmp_path / "scores")
    assert done.returncode == 0, done.stderr

    scores = pq.read_table(tmp_path / "scores" / "part-00000.parquet").to_pydict()
    assert len(scores["flight_id"]) == ROWS_PER_SPAN
    assert set(scores["model_version"]) == {1}
    assert set(scores["label"]) <= {"on_time", "late"}
    rows = pq.read_table(next(spans.glob("*.parquet")), columns=["flight_id"])
    assert scores["flight_id"] == rows["flight_id"].to_pylist()

    traced = slipway(
        "lineage",
        tmp_path / "scores" / "part-00000.parquet",
        "--model-base-path",
        project.models.parent,
        "--model",
        "flights",
        "--json",
    )
    assert traced.returncode == 0, traced.stderr
    (found,) = json.loads(traced.stdout)["bundles"]
    assert found["run"]["run_id"] == run.run_id
    assert found["num_predictions"] == ROWS_PER_SPAN


def test_one_changed_byte_is_refused_with_exit_code_5(bundle, tmp_path):
    copy = shutil.copytree(bundle, tmp_path / "1")
    weights = next((copy / "variables").glob("*.data*"))
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)

    done = slipway("verify", copy, "--json")
    answer = json.loads(done.stdout)
    assert done.returncode == 5
    assert answer["guard"] == "files"
    assert "was changed after the push" in answer["reason"]


def test_folder_that_is_not_there_is_a_wrong_usage(tmp_path):
    done = slipway("verify", tmp_path / "absent")
    assert done.returncode == 2
    assert "which is no folder and no pipeline" in done.stderr

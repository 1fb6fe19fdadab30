"""What was compiled, executed: it does what the run on this machine did."""

import hashlib
import json
from pathlib import Path

import pytest
import tensorflow as tf

from components.quality_gate.evaluation_result import CANDIDATE, load_slices
from serving.bundle.contract import read_contract
from serving.bundle.golden_batch import read_golden_batch
from tests.e2e.cluster.local_cluster import CACHED, FAILED, SUCCEEDED

pytestmark = pytest.mark.e2e

RESOLVERS = {
    "baseline_resolver_model_blessing_resolver",
    "baseline_resolver_model_resolver",
}


@pytest.fixture(scope="session")
def local_run(project, first_run):
    """The first run on this machine, of the same rows."""
    assert first_run.returncode == 0, first_run.stdout
    return project.work_dir.list_runs()[0]


def local_output(run, node_id: str, key: str) -> Path:
    (artifact,) = run.node(node_id).outputs[key]
    return Path(artifact.uri)


def properties(run, node_id: str, key: str) -> dict:
    (artifact,) = run.node(node_id).outputs[key]
    return artifact.properties


def files_in(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def examples_in(folder: Path) -> dict[str, list[bytes]]:
    return {
        str(path.relative_to(folder)): [
            record.numpy()
            for record in tf.data.TFRecordDataset(str(path), compression_type="GZIP")
        ]
        for path in sorted(folder.rglob("*.gz"))
    }


def test_every_node_of_the_local_run_was_a_task_and_succeeded(vertex_run, local_run):
    local = {node.node_id for node in local_run.nodes}
    on_cluster = {name.replace("-", "_") for name in vertex_run}

    assert {task.state for task in vertex_run.values()} == {SUCCEEDED}
    assert on_cluster - {"final_status"} == (
        local - {"baseline_resolver", "load_libraries"} | RESOLVERS
    )


def test_every_task_was_given_the_parameters_of_the_local_node(vertex_run, local_run):
    recorded = local_run.settings
    config = json.loads(vertex_run["trainer"].parameters["custom_config"])

    assert config == {**recorded["train"], "seed": recorded["seed"]}
    assert vertex_run["example-gen"].parameters["spans"] == "[1, 2, 3]"
    assert [
        threshold["metric"]
        for threshold in json.loads(vertex_run["quality-gate"].parameters["thresholds"])
    ] == ["auc", "auc", "auc"]


def test_schema_and_statistics_are_byte_for_byte_those_of_the_local_run(
    vertex, vertex_run, local_run
):
    for task, key in (("schema-curator", "schema"), ("statistics-gen", "statistics")):
        there = vertex.cluster.path(vertex_run[task].output(key).uri)
        here = local_output(local_run, task.replace("-", "_"), key)
        assert files_in(there), task
        assert files_in(there) == files_in(here)


def test_transformed_examples_are_those_of_the_local_run(vertex, vertex_run, local_run):
    there = vertex.cluster.path(
        vertex_run["transform"].output("transformed_examples").uri
    )
    here = local_output(local_run, "transform", "transformed_examples")
    found = examples_in(there)

    assert sum(map(len, found.values())) > 4000
    assert found == examples_in(here)


def test_metrics_of_every_slice_are_those_of_the_local_run(
    vertex, vertex_run, local_run
):
    there = vertex.cluster.path(vertex_run["evaluator"].output("evaluation").uri)
    here = local_output(local_run, "evaluator", "evaluation")
    found = {part.name: part.metrics for part in load_slices(str(there), CANDIDATE)}
    expected = {part.name: part.metrics for part in load_slices(str(here), CANDIDATE)}

    assert len(found) > 10
    assert found.keys() == expected.keys()
    for name, metrics in expected.items():
        assert found[name] == pytest.approx(metrics, abs=1e-6, nan_ok=True), name


def test_the_verdict_is_that_of_the_local_run(vertex_run, local_run):
    found = vertex_run["quality-gate"].output("blessing").metadata
    expected = properties(local_run, "quality_gate", "blessing")

    assert found["verdict"] == expected["verdict"]
    assert found["blessed"] == expected["blessed"] == 1


@pytest.mark.usefixtures("vertex_run", "local_run")
def test_the_pushed_model_has_the_contract_of_the_local_one(vertex, project):
    found = read_contract(vertex.models / "1").contract
    expected = read_contract(project.models / "1").contract

    assert found.signatures == expected.signatures
    assert found.raw_features == expected.raw_features
    assert found.transformed_features == expected.transformed_features
    assert found.data == expected.data
    assert found.run.run_id == "run-1"


@pytest.mark.usefixtures("vertex_run", "local_run")
def test_the_pushed_model_answers_as_the_local_one(vertex, project):
    found = read_golden_batch(vertex.models / "1")
    expected = read_golden_batch(project.models / "1")

    assert found.outputs == expected.outputs
    assert found.rows == expected.rows


def test_the_exit_handler_says_what_was_published(vertex, vertex_run):
    report = vertex_run["final-status"].output("report")
    document = json.loads(
        (vertex.cluster.path(report.uri) / "final_status.json").read_text()
    )

    assert document["outcome"] == "published"
    assert document["version"] == 1
    assert vertex_run["final-status"].last_line == (
        "slipway: published: published as version 1"
    )


def test_artifacts_keep_the_uris_that_the_cluster_gave_them(vertex_run):
    for task in vertex_run.values():
        for artifacts in task.outputs.values():
            for artifact in artifacts:
                assert artifact.uri.startswith("gs://bucket/artifacts/run-1/"), (
                    task.name
                )


def test_a_second_run_takes_from_the_clusters_cache_what_did_not_change(unblessed_run):
    states = {name: task.state for name, task in unblessed_run.items()}

    assert [name for name, state in states.items() if state == CACHED] == [
        name
        for name in states
        if name
        not in (
            "baseline-resolver-model-blessing-resolver",
            "baseline-resolver-model-resolver",
            "evaluator",
            "final-status",
            "pusher",
            "quality-gate",
        )
    ]


def test_the_resolver_finds_the_model_that_the_run_before_blessed(
    vertex_run, unblessed_run
):
    found = unblessed_run["baseline-resolver-model-resolver"].output("model")

    assert found.name == vertex_run["trainer"].output("model").name
    assert unblessed_run["evaluator"].inputs["baseline_model"] == [found]


def test_an_unblessed_model_is_not_pushed_and_the_exit_handler_says_so(
    vertex, unblessed_run
):
    pushed = unblessed_run["pusher"].output("pushed_model").metadata
    report = unblessed_run["final-status"].output("report").metadata

    assert unblessed_run["quality-gate"].output("blessing").metadata["blessed"] == 0
    assert pushed["pushed"] == 0
    assert pushed["reason"] == "the quality gate did not bless the model"
    assert (vertex.models / "1").is_dir()
    assert not (vertex.models / "2").exists()
    assert (report["state"], report["outcome"]) == ("SUCCEEDED", "not_published")


def test_an_anomaly_stops_the_run_with_exit_code_3(stopped_run):
    states = {name: task.state for name, task in stopped_run.items()}

    assert states["anomaly-gate"] == FAILED
    assert stopped_run["anomaly-gate"].exit_code == 3
    assert "carrier" in stopped_run["anomaly-gate"].last_line
    for name in ("transform", "trainer", "evaluator", "pusher"):
        assert states[name] == "NOT_STARTED", name


def test_the_exit_handler_reports_what_stopped_the_run(stopped_run):
    report = stopped_run["final-status"].output("report").metadata

    assert (report["state"], report["outcome"]) == ("FAILED", "failed")
    assert "carrier" in report["sentence"]


def test_on_kubeflow_the_baseline_is_the_version_that_is_served(kubeflow):
    baseline = kubeflow.tasks["baseline-resolver"].output("model")

    assert baseline.metadata["version"] == 1
    assert baseline.metadata["is_absent"] == 0
    assert kubeflow.tasks["evaluator"].inputs["baseline_model"] == [baseline]


def test_a_runtime_parameter_reaches_the_trainer(kubeflow):
    (summary,) = kubeflow.run_files("trainer", "model_run", "training_summary.json")

    assert json.loads(summary.read_text())["epochs"] == 1


def test_on_kubeflow_the_model_is_published_beside_the_served_one(kubeflow):
    assert kubeflow.tasks["pusher"].output("pushed_model").metadata["version"] == 2
    assert (kubeflow.models / "2/saved_model.pb").is_file()
    report = kubeflow.tasks["final-status"].output("report").metadata
    assert (report["state"], report["outcome"]) == ("COMPLETE", "published")

"""The flights DAG on a standalone Flink cluster; its processes are killed at work.

All tests share the cluster and the work folder of `flink_run`.
"""

import subprocess
from collections import Counter
from pathlib import Path

import pyarrow.parquet
import pytest
import tensorflow as tf
from tensorflow_metadata.proto.v0 import statistics_pb2

from pipeline.flink_cluster.settings import ClusterPlan
from tests.e2e.flink_runs import (
    engine_of,
    make_project,
    newest_job,
    repair,
    start_cluster,
    start_node,
    wait_for_work,
)
from tests.e2e.project import ROOT, ROWS_PER_SPAN, SLIPWAY, SPLIT
from tests.job_server_jars import require_job_server

pytestmark = [pytest.mark.flink, pytest.mark.timeout(900)]
PLAN = ClusterPlan(restarts=2, slot_timeout_s=20)
# Results that have no times or random names in them.
COMPARABLE = ("examples", "statistics", "transformed_examples")
BEAM_NODES = ("example_gen", "statistics_gen", "transform", "evaluator")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    started = start_cluster(tmp_path_factory.mktemp("flink"), PLAN)
    yield started
    started.down()


@pytest.fixture(autouse=True)
def whole_cluster(cluster):
    """Each test finds the cluster whole, whatever the one before did to it."""
    repair(cluster)


@pytest.fixture(scope="module")
def local_project(tmp_path_factory):
    made = make_project(tmp_path_factory.mktemp("local"))
    done = made.run(SPLIT)
    assert done.returncode == 0, done.stdout
    return made


@pytest.fixture(scope="module")
def flink_project(tmp_path_factory, cluster):
    made = make_project(tmp_path_factory.mktemp("flink-run"))
    done = made.run(SPLIT, *engine_of(cluster))
    assert done.returncode == 0, done.stdout
    return made


def count_records(folder):
    files = sorted(str(path) for path in folder.glob("*.gz"))
    return Counter(tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator())


@pytest.fixture(scope="module")
def both(local_project, flink_project):
    """Per node and output, the folders of the two first runs."""
    records = [local_project.last_run(), flink_project.last_run()]

    def folders(node_id, name):
        return [Path(run.node(node_id).output(name).uri) for run in records]

    return folders


@pytest.mark.parametrize("split", ["train", "eval"])
@pytest.mark.parametrize(
    ("node_id", "name"),
    [("example_gen", "examples"), ("transform", "transformed_examples")],
)
def test_rows_are_the_same(both, node_id, name, split):
    local, flink = (
        count_records(folder / f"Split-{split}") for folder in both(node_id, name)
    )
    assert local.total() > ROWS_PER_SPAN / 2
    assert flink == local


@pytest.mark.parametrize("split", ["train", "eval"])
def test_statistics_are_the_same(both, split):
    local, flink = (
        statistics_pb2.DatasetFeatureStatisticsList.FromString(
            (folder / f"Split-{split}" / "FeatureStats.pb").read_bytes()
        )
        for folder in both("statistics_gen", "statistics")
    )
    assert flink == local


def test_vocabularies_are_the_same(both):
    local, flink = (
        {
            path.name: path.read_bytes()
            for path in (folder / "transform_fn" / "assets").iterdir()
        }
        for folder in both("transform", "transform_graph")
    )
    assert local
    assert flink == local


def read_metrics(folder):
    import tensorflow_model_analysis as tfma

    result = tfma.load_eval_result(str(folder))
    return {
        (key, name): value["doubleValue"]
        for key, metrics in result.slicing_metrics
        for name, value in metrics[""][""].items()
        if "doubleValue" in value
    }


def test_metrics_are_the_same(both):
    local, flink = (read_metrics(folder) for folder in both("evaluator", "evaluation"))
    assert len(local) > 50
    assert flink == pytest.approx(local, abs=1e-6, nan_ok=True)


def test_another_engine_takes_what_this_one_made(flink_project):
    done = flink_project.run(SPLIT)
    assert done.returncode == 0, done.stdout
    states = flink_project.states()
    assert {states[node_id] for node_id in BEAM_NODES} == {"cached"}


@pytest.mark.parametrize("node_id", BEAM_NODES)
def test_a_killed_task_manager_costs_time_only(flink_project, cluster, node_id):
    """The job begins anew when a task manager is back; results are the same."""
    first_run = flink_project.work_dir.list_runs()[0]
    before = {
        name: artifacts[0].content_digest
        for name, artifacts in first_run.node(node_id).outputs.items()
        if name in COMPARABLE
    }
    process = start_node(flink_project, cluster, node_id)
    wait_for_work(cluster, process)
    cluster.process("taskmanager-0").kill()
    cluster.start("taskmanager-0")
    output, _ = process.communicate(timeout=600)

    assert process.returncode == 0, output
    state, exceptions = newest_job(cluster)
    assert state == "FINISHED"
    assert exceptions["exceptionHistory"]["entries"], "it was not disturbed at all"
    assert flink_project.states()[node_id] == "done"
    outputs = flink_project.last_run().node(node_id).outputs
    after = {name: outputs[name][0].content_digest for name in before}
    assert after == before
    assert flink_project.unfinished() == []


def test_a_lost_task_manager_ends_the_node_and_a_rerun_completes(
    flink_project, cluster
):
    before = flink_project.versions()
    process = start_node(flink_project, cluster, "transform")
    wait_for_work(cluster, process)
    cluster.process("taskmanager-1").kill()
    output, _ = process.communicate(timeout=600)

    assert process.returncode == 1
    assert "transform: Flink did not get the slots that the job needs in time" in output
    assert flink_project.states()["transform"] == "failed"
    assert flink_project.unfinished() == []
    assert flink_project.versions() == before

    repair(cluster)
    done = flink_project.run(SPLIT, *engine_of(cluster))
    assert done.returncode == 0, done.stdout
    assert flink_project.unfinished() == []


def read_scores(folder):
    table = pyarrow.parquet.read_table(sorted(folder.glob("part-*.parquet")))
    return table.sort_by("flight_id").to_pydict()


def test_scores_are_the_same_though_a_task_manager_is_killed(
    flink_project, cluster, tmp_path
):
    bundle = flink_project.models / flink_project.versions()[-1]
    command = [*SLIPWAY, "score", str(bundle), "--input", str(flink_project.spans)]
    local, flink = tmp_path / "local", tmp_path / "flink"
    subprocess.run(
        [*command, "--output", str(local)], cwd=ROOT, check=True, timeout=300
    )
    engine = [
        part
        for name, value in engine_of(cluster)[1:]
        for part in ("--set", f"{name}={value}")
    ]
    jar = f"beam.flink.job_server_jar={require_job_server()}"
    process = subprocess.Popen(
        [*command, "--output", str(flink), "--engine", "flink", "--set", jar, *engine],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    wait_for_work(cluster, process)
    cluster.process("taskmanager-1").kill()
    cluster.start("taskmanager-1")
    output, _ = process.communicate(timeout=600)

    assert process.returncode == 0, output
    assert (flink / "_SUCCESS").exists()
    expected, found = read_scores(local), read_scores(flink)
    assert len(expected["flight_id"]) == 3 * ROWS_PER_SPAN
    # Workers of the cluster have fewer threads, and so add up in another order.
    probabilities = expected.pop("probability")
    assert found.pop("probability") == pytest.approx(probabilities, abs=1e-6)
    assert found == expected

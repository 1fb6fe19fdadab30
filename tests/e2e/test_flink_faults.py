"""A killed job manager, with high availability and without, and a killed worker pool.

Each test has a cluster of its own.
"""

import time

import pytest

from pipeline.flink_cluster.settings import ClusterPlan
from tests.e2e.flink_runs import (
    make_project,
    newest_job,
    start_cluster,
    start_node,
    wait_for_work,
)

pytestmark = [pytest.mark.flink, pytest.mark.timeout(900)]
NODE = "example_gen"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("job-manager"))


@pytest.fixture
def cluster_of(tmp_path):
    started = []

    def start(plan):
        started.append(start_cluster(tmp_path / "flink", plan))
        return started[-1]

    yield start
    for cluster in started:
        cluster.down()


def test_with_high_availability_the_job_goes_on(project, cluster_of):
    cluster = cluster_of(ClusterPlan(has_ha=True))
    process = start_node(project, cluster, NODE)
    wait_for_work(cluster, process)
    cluster.process("jobmanager").kill()
    cluster.start("jobmanager")
    output, _ = process.communicate(timeout=600)

    assert process.returncode == 0, output
    assert project.states()[NODE] == "done"
    assert project.unfinished() == []


def test_without_high_availability_the_node_ends_and_a_rerun_completes(
    project, cluster_of
):
    cluster = cluster_of(ClusterPlan())
    process = start_node(project, cluster, NODE)
    wait_for_work(cluster, process)
    cluster.process("jobmanager").kill()
    cluster.start("jobmanager")
    output, _ = process.communicate(timeout=600)

    assert process.returncode == 1
    assert "example_gen: Pipeline BeamApp" in output
    assert project.states()[NODE] == "failed"
    assert project.unfinished() == []

    cluster.wait(2)
    rerun, _ = (again := start_node(project, cluster, NODE)).communicate(600)
    assert again.returncode == 0, rerun


def count_connected(cluster, role):
    log = cluster.folder / "logs" / f"{role}.log"
    return log.read_text().count("Control channel established")


def test_a_killed_worker_pool_costs_time_only(project, cluster_of):
    """Killed after its worker has reached the task manager, see docs/engines.md."""
    cluster = cluster_of(ClusterPlan())
    process = start_node(project, cluster, NODE)
    deadline = time.monotonic() + 300
    while not count_connected(cluster, "workerpool-1"):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    cluster.process("workerpool-1").kill()
    cluster.start("workerpool-1")
    output, _ = process.communicate(timeout=600)

    assert process.returncode == 0, output
    state, exceptions = newest_job(cluster)
    assert state == "FINISHED"
    assert exceptions["exceptionHistory"]["entries"], "it was not disturbed at all"

"""A Flink cluster for tests, and runs of single nodes on it."""

import time
from pathlib import Path

from data.flights.source import prepare_sample
from pipeline.flink_cluster.cluster import FlinkCluster
from tests.e2e.project import ROWS_PER_SPAN, SPLIT, Project
from tests.job_server_jars import VAR, require_job_server


def start_cluster(folder, plan):
    require_job_server()
    cluster = FlinkCluster(folder, VAR / "flink" / "jars")
    cluster.up(plan)
    return cluster


def repair(cluster):
    for process in cluster.processes():
        if not process.is_alive():
            cluster.start(process.role)
    cluster.wait(cluster.addresses().num_task_managers)


def engine_of(cluster):
    addresses = cluster.addresses()
    return (
        ("beam.engine", "flink"),
        ("beam.flink.master", addresses.master),
        ("beam.flink.worker_pool", addresses.worker_pool),
        ("beam.flink.parallelism", addresses.slots),
    )


def make_project(folder):
    made = Project(folder)
    prepare_sample(made.spans, ROWS_PER_SPAN, [1, 2, 3])
    return made


def running_tasks(cluster):
    jobs = cluster.ask("/jobs/overview")["jobs"]
    return sum(job["tasks"]["running"] for job in jobs if job["state"] == "RUNNING")


def wait_for_work(cluster, process):
    """Waits until a job has tasks at work and a Python worker beside them."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        if running_tasks(cluster) and has_worker(cluster):
            return
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.1)
    raise AssertionError("no task ran within 300 s")


def has_worker(cluster):
    """Whether each pool has a process beside it."""
    pools = {cluster.process(f"workerpool-{index}").pid for index in range(2)}
    return all(any(children_of(pid)) for pid in pools)


def children_of(pid):
    # A process belongs to the thread that started it.
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        yield from path.read_text().split()


def newest_job(cluster):
    newest = max(
        cluster.ask("/jobs/overview")["jobs"], key=lambda job: job["start-time"]
    )
    return newest["state"], cluster.ask(f"/jobs/{newest['jid']}/exceptions")


def start_node(project, cluster, node_id):
    options = ["--only", node_id, "--no-cache"]
    return project.start(SPLIT, *engine_of(cluster), options=options)

"""The worker pool over gRPC: a worker is started, connects, and is ended."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import grpc
import pytest
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc


def free_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.9", 0))
        return f"127.0.0.9:{probe.getsockname()[1]}"


def start_pool(address):
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline.flink_cluster.worker_pool", address],
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def pool():
    address = free_address()
    process = start_pool(address)
    with grpc.insecure_channel(address) as channel:
        grpc.channel_ready_future(channel).result(timeout=60)
        process.stub = beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolStub(channel)
        process.address = address
        yield process
    process.kill()
    process.communicate()


@pytest.fixture
def task_manager():
    """Listens where a worker would connect to."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.settimeout(60)
        yield listening


def start_worker(pool, task_manager):
    request = beam_fn_api_pb2.StartWorkerRequest(worker_id="1-1")
    request.control_endpoint.url = f"localhost:{task_manager.getsockname()[1]}"
    answer = pool.stub.StartWorker(request)
    assert not answer.error
    connection, _ = task_manager.accept()
    connection.close()


def children_of(pid):
    return [
        int(child)
        for path in Path(f"/proc/{pid}/task").glob("*/children")
        for child in path.read_text().split()
    ]


def wait_until_gone(pid):
    deadline = time.monotonic() + 30
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline, pid
        time.sleep(0.02)


def test_a_worker_connects_and_ends_when_it_is_told_to(pool, task_manager):
    start_worker(pool, task_manager)
    (worker,) = children_of(pool.pid)
    assert Path(f"/proc/{worker}/exe").resolve() == Path(sys.executable).resolve()

    pool.stub.StopWorker(beam_fn_api_pb2.StopWorkerRequest(worker_id="1-1"))
    wait_until_gone(worker)
    # Asked again, as task managers do, it has nothing to do.
    pool.stub.StopWorker(beam_fn_api_pb2.StopWorkerRequest(worker_id="1-1"))
    assert pool.poll() is None


def test_workers_end_with_their_pool(pool, task_manager):
    start_worker(pool, task_manager)
    (worker,) = children_of(pool.pid)
    pool.terminate()
    assert pool.wait(timeout=30) == 0
    wait_until_gone(worker)


def test_a_taken_address_is_an_error(pool):
    second = start_pool(pool.address)
    _, errors = second.communicate(timeout=60)
    assert second.returncode == 1
    assert "Failed to bind to address" in errors

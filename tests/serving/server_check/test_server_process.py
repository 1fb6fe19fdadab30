"""A server's process: its ports are its own, and it never outlives who started it."""

import signal
import socket
import time
from pathlib import Path

import pytest

from serving.server_check.candidate_folder import (
    MODEL_NAME,
    link_candidate,
    server_flags,
)
from serving.server_check.server_process import ServerFailedError, ServerProcess


@pytest.fixture
def folder(tmp_path, candidate):
    made = tmp_path / "served"
    made.mkdir()
    link_candidate(made, candidate)
    return made


@pytest.fixture
def start(folder, stub):
    started = []

    def run(mode):
        log = folder / "server.log"
        server = ServerProcess(server_flags(folder), log=log, binary=stub(mode))
        started.append(server)
        return server

    yield run
    for server in started:
        server.stop(0.1)


def test_candidate_is_linked_and_not_copied(folder, candidate):
    version = folder / MODEL_NAME / "1"
    assert version.is_dir()
    assert not version.is_symlink()
    assert {entry.name for entry in version.iterdir()} == {
        entry.name for entry in candidate.model_dir.iterdir()
    }
    papers = version / "assets.extra"
    assert {entry.name for entry in papers.iterdir()} == {
        "golden_batch.json",
        "schema.pbtxt",
        "tf_serving_warmup_requests",
        "training_statistics.pb",
    }
    for entry in (*version.iterdir(), *papers.iterdir()):
        assert entry.is_symlink() == (entry != papers)


def test_nobody_gets_a_port_before_the_server_listens(start):
    server = start("hangs")
    for port in (server.rest_port, server.grpc_port):
        with (
            socket.socket() as other,
            pytest.raises(OSError, match="Address already in use"),
        ):
            other.bind(("127.0.0.1", port))


def test_port_that_another_listens_at_is_told(folder, script, stub):
    inner = Path(stub("sound"))
    inner = inner.rename(inner.with_name("inner"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        binary = script(f'shift; exec {inner} --rest_api_port={port} "$@"')
        log = folder / "server.log"
        with (
            ServerProcess(server_flags(folder), log=log, binary=binary) as server,
            pytest.raises(ServerFailedError, match="ended with code 1") as caught,
        ):
            server.wait_until_available(MODEL_NAME, 20)
    assert "Address already in use" in caught.value.log


def test_server_that_is_deaf_to_stop_is_killed(start, eventually):
    server = start("hangs")
    eventually(lambda: "deaf" in server.log_text())
    started = time.monotonic()
    assert server.stop(0.5) == -signal.SIGKILL
    assert time.monotonic() - started < 5
    assert server.stop() == -signal.SIGKILL  # a second time changes nothing


def test_what_a_script_has_started_goes_with_it(folder, script, eventually, is_alive):
    pid_file = folder / "pid"
    binary = script(f"sleep 600 & echo $! > {pid_file}", "wait")
    server = ServerProcess((), log=folder / "server.log", binary=binary)
    eventually(lambda: pid_file.exists() and pid_file.read_text().strip())
    server.stop()
    eventually(lambda: not is_alive(int(pid_file.read_text())))


def test_ended_server_has_no_peak_memory(start):
    server = start("dies")
    with pytest.raises(ServerFailedError, match="The server ended with code 1"):
        server.wait_until_available(MODEL_NAME, 20)
    with pytest.raises(ServerFailedError, match="The server ended with code 1"):
        server.peak_memory_bytes()

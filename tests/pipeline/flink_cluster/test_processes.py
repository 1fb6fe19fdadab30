"""Processes are ended with their children, and nobody else's."""

import dataclasses
import os
import sys
import time
from pathlib import Path

import pytest

from pipeline.flink_cluster.processes import (
    read_processes,
    start,
    stop_all,
    write_processes,
)

PARENT = (
    "import subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "print(child.pid, flush=True)\n"
    "time.sleep(600)\n"
)
STUBBORN = (
    "import signal, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print('ready', flush=True)\n"
    "time.sleep(600)\n"
)


@pytest.fixture
def run(tmp_path):
    started = []

    def begin(code, role="parent"):
        environment = dict(os.environ)
        command = [sys.executable, "-c", code]
        started.append(start(role, command, tmp_path, environment))
        return started[-1], printed(tmp_path / "logs" / f"{role}.log")

    yield begin
    stop_all(started, grace_s=0)


def printed(log):
    deadline = time.monotonic() + 30
    while not log.read_text():
        assert time.monotonic() < deadline, log
        time.sleep(0.02)
    return log.read_text().strip()


def is_running(pid):
    try:
        return (
            Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        )
    except FileNotFoundError:
        return False


def wait_until_gone(pid):
    deadline = time.monotonic() + 30
    while is_running(pid):
        assert time.monotonic() < deadline, pid
        time.sleep(0.02)


def test_children_end_with_their_process(run):
    process, child = run(PARENT)
    assert process.is_alive()
    process.kill()
    wait_until_gone(process.pid)
    wait_until_gone(int(child))
    assert not process.is_alive()


def test_one_that_does_not_listen_is_killed(run):
    process, _ = run(STUBBORN)
    stop_all([process], grace_s=0.2)
    assert not process.is_alive()


def test_another_process_with_the_same_number_is_left_alone(run, monkeypatch):
    process, _ = run(STUBBORN)
    namesake = dataclasses.replace(process, started=process.started - 1)
    assert not namesake.is_alive()
    sent = []
    with monkeypatch.context() as patched:
        patched.setattr(os, "killpg", lambda *signal: sent.append(signal))
        stop_all([namesake], grace_s=0)
    assert sent == []
    assert process.is_alive()


def test_processes_are_read_as_they_were_written(run, tmp_path):
    assert read_processes(tmp_path) == []
    process, _ = run(STUBBORN)
    write_processes(tmp_path, [process])
    assert read_processes(tmp_path) == [process]

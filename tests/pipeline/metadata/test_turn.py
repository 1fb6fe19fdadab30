"""Turns at a server: one process at a time, on whichever machine it runs."""

import os
import pickle
import signal
import subprocess
import sys
import time

import pytest

from pipeline.metadata.errors import MetadataUnavailableError
from pipeline.metadata.turn import metadata_turn

HOLD = """
import pickle, sys
from pipeline.metadata.turn import metadata_turn
with metadata_turn(pickle.loads(bytes.fromhex(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""
WAITING = "SELECT id FROM information_schema.processlist WHERE state = 'User lock'"
HOLDING = "SELECT IS_USED_LOCK('slipway.{}')"


@pytest.fixture
def start(server):
    """Starts processes that want their turn, and ends them."""
    processes = []

    def start_one():
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, pickle.dumps(server).hex()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield start_one
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture
def first(start):
    """A process that has its turn."""
    process = start()
    assert process.stdout.readline() == "held\n"
    return process


@pytest.fixture
def second(start, first, mariadb):  # noqa: ARG001 - who comes first
    """A process that waits for its turn."""
    process = start()
    deadline = time.monotonic() + 20
    while not mariadb.sql(WAITING):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


def test_second_process_has_its_turn_when_the_first_is_done(first, second):
    first.stdin.close()
    assert second.stdout.readline() == "held\n"


def test_turn_of_a_killed_process_is_free(first, second):
    os.kill(first.pid, signal.SIGKILL)
    assert second.stdout.readline() == "held\n"


@pytest.mark.usefixtures("first")
def test_databases_have_turns_of_their_own(mariadb):
    with metadata_turn(mariadb.server()):
        assert not mariadb.sql(WAITING)


def test_server_forgets_a_holder_that_is_silent(mariadb, server, monkeypatch):
    """A machine without power says no goodbye; the server's default is eight hours."""
    monkeypatch.setattr("pipeline.metadata.turn._SILENCE_S", 1)
    with metadata_turn(server):
        deadline = time.monotonic() + 20
        while mariadb.sql(HOLDING.format(server.settings.database)) != [(None,)]:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_who_waits_in_vain_is_told_whose_turn_it_is(
    mariadb, server, first, monkeypatch
):
    monkeypatch.setattr("pipeline.metadata.turn._WAIT_S", 0)
    name = f"slipway.{server.settings.database}"
    ((holder,),) = mariadb.sql(HOLDING.format(server.settings.database))
    assert first.poll() is None
    with (
        pytest.raises(MetadataUnavailableError) as caught,
        metadata_turn(server),
    ):
        pass
    assert str(caught.value) == (
        f"others have held the lock {name!r} of {server} for 0 s; connection {holder} "
        f"has it now. If that is no run, end it: KILL {holder}."
    )

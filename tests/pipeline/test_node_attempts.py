"""Nodes in real processes: deaths, time-outs, retries, and nobody left behind."""

import os
import signal
import subprocess
import sys
import time
from multiprocessing import forkserver
from pathlib import Path

import pytest

from pipeline import node_processes
from pipeline.node_attempts import NodeAttempts
from pipeline.node_processes import NodeProcesses, wait_for_any
from pipeline.run_config import NodeRunConfig, RunConfig

TARGETS = "tests.pipeline.node_targets"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True, scope="module")
def _fork_server_of_our_own():
    """Tests of whole runs in this process have, and need, another one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        forkserver._forkserver._stop()
        yield
        forkserver._forkserver._stop()


@pytest.fixture
def processes(tmp_path):
    return NodeProcesses(tmp_path / "logs" / "start.log", TARGETS)


@pytest.fixture
def start(processes, tmp_path):
    def start(*node_ids, **settings):
        attempts = NodeAttempts(
            processes,
            RunConfig(**{"backoff_s": 0.05} | settings),
            arguments=lambda node_id: (node_id, log_path(node_id), tmp_path),
            log_path=log_path,
        )
        for node_id in node_ids:
            attempts.start(node_id)
        return attempts

    def log_path(node_id):
        return tmp_path / "logs" / f"{node_id}.log"

    return start


def results(attempts, timeout_s=30):
    found, deadline = {}, time.monotonic() + timeout_s
    while len(attempts):
        assert time.monotonic() < deadline, found
        for result in attempts.wait(0.1):
            found[result.node_id] = result
    return found


def is_alive(pid):
    try:
        return (
            Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        )
    except OSError:
        return False


def wait_until(condition, timeout_s=20):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def wait_for_pid(path):
    wait_until(lambda: path.exists() and path.read_text())
    return int(path.read_text())


def num_attempts(folder):
    return len(list(folder.glob("attempt-*")))


def test_node_answers_and_its_output_is_in_its_log(start, tmp_path):
    ended = results(start("well", "shell"))
    assert {result.state for result in ended.values()} == {"done"}
    well = ended["well"]
    assert (well.attempts, well.peak_memory_bytes, well.failure) == (1, 5, None)
    assert "all is well" in (tmp_path / "logs" / "well.log").read_text()
    log = (tmp_path / "logs" / "shell.log").read_text()
    assert "from a child\nerror\n" in log


def test_failure_that_may_pass_is_tried_again_and_named_after_the_last(start, tmp_path):
    ended = results(start("fails", retries=2))["fails"]
    assert num_attempts(tmp_path) == 3
    assert (ended.state, ended.attempts) == ("failed", 3)
    assert ended.failure.kind == "OSError"
    assert ended.failure.message == "the network is gone (3 attempts)"
    assert ended.failure.exit_code == 1
    log = (tmp_path / "logs" / "fails.log").read_text()
    assert log.count("OSError: the network is gone") == 3
    assert "===== attempt 3 =====" in log


def test_node_that_succeeds_the_second_time_has_ended_well(start):
    ended = results(start("second", retries=5))["second"]
    assert (ended.state, ended.attempts, ended.failure) == ("done", 2, None)


def test_each_rest_is_twice_as_long(start):
    began = time.monotonic()
    ended = results(start("fails", retries=2, backoff_s=0.4))["fails"]
    assert time.monotonic() - began >= 0.4 + 0.8
    assert ended.wall_s >= 0.4 + 0.8


def test_failure_about_data_is_not_tried_again(start, tmp_path):
    failure = results(start("anomaly", retries=3))["anomaly"].failure
    assert num_attempts(tmp_path) == 1
    assert (failure.kind, failure.message, failure.exit_code) == (
        "AnomalyError",
        "7 values are new",
        3,
    )


def test_death_is_noticed_although_a_child_holds_the_pipe_and_the_child_ends(
    start, tmp_path
):
    ended = results(start("killed", retries=1))["killed"]
    assert num_attempts(tmp_path) == 2
    assert ended.failure.message == (
        "its process was ended by SIGKILL. The system may have run out of memory. "
        "(2 attempts)"
    )
    wait_until(lambda: not is_alive(wait_for_pid(tmp_path / "child")))


def test_node_that_takes_too_long_is_ended_with_its_children(start, tmp_path):
    nodes = {"slow": NodeRunConfig(timeout_s=0.5)}
    ended = results(start("slow", "well", nodes=nodes, retries=1))
    assert ended["well"].state == "done"
    assert num_attempts(tmp_path) == 2
    assert ended["slow"].failure.kind == "NodeTimedOut"
    assert ended["slow"].failure.message == (
        "it took longer than 0.5 s and was ended; set run.nodes.slow.timeout_s higher "
        "if it needs more. (2 attempts)"
    )
    for name in ("node", "child"):
        pid = wait_for_pid(tmp_path / name)
        wait_until(lambda pid=pid: not is_alive(pid))


def test_node_that_does_not_listen_is_killed(start, tmp_path, monkeypatch):
    monkeypatch.setattr(node_processes, "_GRACE_S", 0.2)
    ended = results(start("deaf", timeout_s=0.3))["deaf"]
    assert ended.failure.kind == "NodeTimedOut"
    wait_until(lambda: not is_alive(wait_for_pid(tmp_path / "node")))


def test_answer_after_the_deadline_is_an_answer_once(start, tmp_path):
    """Nobody looked in time: the answer is there, and late."""
    attempts = start("well", timeout_s=0.01)
    wait_until(lambda: "all is well" in _text(tmp_path / "logs" / "well.log"))
    time.sleep(0.2)
    assert results(attempts)["well"].state == "done"


def _text(path):
    return path.read_text() if path.exists() else ""


def test_node_that_ends_well_leaves_nobody_behind(start, tmp_path):
    assert results(start("leaves"))["leaves"].state == "done"
    wait_until(lambda: not is_alive(wait_for_pid(tmp_path / "child")))


def test_interruption_ends_what_works_and_what_rests(start, tmp_path):
    attempts = start("slow", "fails", retries=1, backoff_s=60)
    node, child = (wait_for_pid(tmp_path / name) for name in ("node", "child"))
    deadline = time.monotonic() + 20
    while num_attempts(tmp_path) < 2 and time.monotonic() < deadline:
        attempts.wait(0.05)
    attempts.wait(0.5)

    ended = attempts.end_all()

    assert {result.node_id: result.state for result in ended} == {
        "slow": "interrupted",
        "fails": "interrupted",
    }
    assert len(attempts) == 0
    for pid in (node, child):
        wait_until(lambda pid=pid: not is_alive(pid))


def test_any_function_of_the_module_can_be_called(processes, tmp_path):
    call = processes.start("count", tmp_path / "log", 41)
    assert wait_for_any([call], 30) == [call]
    assert call.answer() == 42


RUN = f"""
import sys
from pathlib import Path
from pipeline.node_attempts import NodeAttempts
from pipeline.node_processes import NodeProcesses
from pipeline.run_config import RunConfig
folder = Path(sys.argv[1])
log_path = lambda node_id: folder / f"{{node_id}}.log"
attempts = NodeAttempts(
    NodeProcesses(folder / "start.log", {TARGETS!r}),
    RunConfig(),
    arguments=lambda node_id: (node_id, log_path(node_id), folder),
    log_path=log_path,
)
attempts.start("slow")
while True:
    attempts.wait(0.1)
"""


def test_killed_command_line_leaves_no_orphan(tmp_path):
    run = subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path)], cwd=ROOT)
    node, child = (wait_for_pid(tmp_path / name) for name in ("node", "child"))
    server = int(Path(f"/proc/{node}/stat").read_text().rpartition(")")[2].split()[1])
    assert is_alive(server)
    run.kill()
    run.wait()
    for pid in (node, child, server):
        wait_until(lambda pid=pid: not is_alive(pid))
    assert "the run was asked to stop" in (tmp_path / "slow.log").read_text()


BROKEN = """
import sys
from pathlib import Path
from pipeline.node_processes import ForkServerError, NodeProcesses
processes = NodeProcesses(Path(sys.argv[1]) / "start.log", "brokencase")
try:
    processes.start("anything")
except ForkServerError as error:
    print(error)
"""


def test_libraries_that_cannot_be_imported_are_told_with_their_log(tmp_path):
    (tmp_path / "brokencase.py").write_text("raise RuntimeError('no such device')\n")
    done = subprocess.run(
        [sys.executable, "-c", BROKEN, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
        capture_output=True,
        text=True,
        check=True,
    )
    log = tmp_path / "start.log"
    assert f"has died; its last words are in {log}." in done.stdout
    assert "no such device" in log.read_text()


@pytest.mark.parametrize(
    ("exit_code", "message"),
    [
        (
            -signal.SIGKILL,
            "its process was ended by SIGKILL. The system may have run out of memory.",
        ),
        (-signal.SIGSEGV, "its process was ended by SIGSEGV."),
        (7, "its process ended with exit code 7."),
    ],
)
def test_death_is_told_in_words(exit_code, message):
    assert node_processes._death(exit_code).message == message

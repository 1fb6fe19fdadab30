"""Functions of run.on_exit are called, whatever happened to the run or to others."""

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pipeline import run_record
from pipeline.exit_handlers import call_exit_handlers
from pipeline.local_runner import RunInterruptedError
from pipeline.run_config import RunConfig
from pipeline.run_pipeline import _recorded, conclude_killed_runs
from pipeline.run_record import ArtifactRecord, NodeResult, RunRecord, WorkDir

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = "tests.pipeline.exit_functions"
TELL = (f"{FUNCTIONS}.tell",)


@pytest.fixture(autouse=True)
def _findable(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def new_record(tmp_path, run_id="r1", **values):
    return RunRecord(
        run_id=run_id,
        pipeline="p",
        config_path="p.yaml",
        settings={
            "work_dir": str(tmp_path),
            "run": {"on_exit": list(TELL), "on_exit_timeout_s": 30.0},
        },
        pid=os.getpid(),
        nodes=[
            NodeResult(
                node_id="pusher",
                state="done",
                outputs={
                    "pushed_model": [
                        ArtifactRecord(
                            uri="/m/1",
                            type_name="PushedModel",
                            properties={"pushed": 1, "version": 1},
                        )
                    ]
                },
            )
        ],
        **values,
    )


def told(tmp_path):
    path = tmp_path / "told"
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.parametrize(
    ("happens", "line"),
    [
        (None, "r1 pushed 0"),
        (KeyboardInterrupt, "r1 interrupted 130"),
        (RunInterruptedError, "r1 interrupted 130"),
        (OSError("the disk is full"), "r1 failed 1"),
        (SystemExit("enough"), "r1 failed 1"),
    ],
    ids=["success", "ctrl-c", "sigterm", "error", "exit"],
)
def test_they_are_told_how_the_run_ended(tmp_path, happens, line):
    work_dir, record = WorkDir(tmp_path), new_record(tmp_path)
    settings = RunConfig(on_exit=TELL)
    with (
        contextlib.suppress(OSError, SystemExit),
        _recorded(record, work_dir, settings, time.monotonic()),
    ):
        assert told(tmp_path) == []
        if happens is not None:
            raise happens
    assert told(tmp_path) == [line]
    assert work_dir.read("r1").exit_problems == []


def call(tmp_path, *names, timeout_s=30.0):
    work_dir = WorkDir(tmp_path)
    work_dir.write(dataclasses.replace(new_record(tmp_path), state="failed"))
    functions = [f"{FUNCTIONS}.{name}" for name in names]
    return call_exit_handlers(work_dir, "r1", functions, timeout_s)


def test_crash_or_absence_of_one_does_not_keep_the_next_from_its_call(tmp_path):
    problems = call(tmp_path, "crash", "tell", "die", "absent", "tell_again")
    assert len(told(tmp_path)) == 2
    assert problems == [
        f"{FUNCTIONS}.{name} failed with exit code {code}; slipway show r1 --log "
        "on_exit has its output."
        for name, code in (("crash", 1), ("die", -signal.SIGABRT), ("absent", 1))
    ]
    log = WorkDir(tmp_path).log_path("r1", "on_exit").read_text()
    assert "the chat server is away" in log


def test_one_that_takes_too_long_is_ended_and_the_next_is_called(tmp_path):
    began = time.monotonic()
    problems = call(tmp_path, "hang", "tell", timeout_s=3.0)
    assert time.monotonic() - began < 30
    assert problems == [
        f"{FUNCTIONS}.hang took longer than run.on_exit_timeout_s = 3 s and was ended."
    ]
    assert len(told(tmp_path)) == 1
    assert not Path(f"/proc/{(tmp_path / 'hanging').read_text()}").exists()


def test_ctrl_c_ends_the_one_that_hangs_and_the_next_is_called(tmp_path):
    def press():
        while not (tmp_path / "hanging").exists():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press, daemon=True).start()
    problems = call(tmp_path, "hang", "tell")
    assert problems == [f"{FUNCTIONS}.hang was ended by Ctrl-C."]
    assert len(told(tmp_path)) == 1


def test_killed_run_is_concluded_by_the_next_one_once(tmp_path):
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    work_dir = WorkDir(tmp_path)
    record = dataclasses.replace(new_record(tmp_path), pid=killed.pid)
    record.nodes = [
        NodeResult(node_id="a", state="done"),
        NodeResult(node_id="b", state="running"),
        NodeResult(node_id="c", state="not run"),
    ]
    work_dir.write(record)
    work_dir.write(dataclasses.replace(new_record(tmp_path), run_id="r2"))

    for _ in range(2):
        conclude_killed_runs(work_dir)

    assert told(tmp_path) == ["r1 interrupted 137"]
    concluded = work_dir.read("r1")
    assert concluded.state == run_record.INTERRUPTED
    states = [node.state for node in concluded.nodes]
    assert states == ["done", "interrupted", "not run"]
    assert work_dir.read("r2").state == run_record.RUNNING


def test_killed_run_of_an_early_version_has_no_functions(tmp_path):
    record = dataclasses.replace(new_record(tmp_path), pid=2**22 + 1)
    del record.settings["run"]
    WorkDir(tmp_path).write(record)
    conclude_killed_runs(WorkDir(tmp_path))
    assert WorkDir(tmp_path).read("r1").exit_code == 137

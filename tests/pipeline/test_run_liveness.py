"""A run of another machine is going on for as long as its process holds its file."""

import os
import signal
import subprocess
import sys

import pytest

from pipeline import run_record
from pipeline.run_liveness import alive, is_going_on
from pipeline.run_lock import WorkDirBusyError, alone, running
from pipeline.run_record import RunRecord, WorkDir, host_name

HOLD = """
import sys
from pathlib import Path
from pipeline.run_liveness import alive
from pipeline.run_record import WorkDir
with alive(WorkDir(Path(sys.argv[1])), "r1"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def work_dir(tmp_path):
    return WorkDir(tmp_path)


def record(**changes):
    values = {"run_id": "r1", "pipeline": "p", "config_path": "", "settings": {}}
    return RunRecord(**values | {"host": "another", "pid": 2**22 + 1} | changes)


@pytest.fixture
def holder(tmp_path):
    """A process that stands for the other machine's run."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_run_of_another_machine_goes_on_while_its_file_is_held(work_dir, holder):
    assert is_going_on(work_dir, record())
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert not is_going_on(work_dir, record())


def test_run_of_another_machine_that_holds_nothing_has_ended(work_dir):
    assert not is_going_on(work_dir, record(pid=os.getpid())), "not our process"


def test_run_that_ended_is_not_going_on(work_dir):
    with alive(work_dir, "r1"):
        assert is_going_on(work_dir, record())
        assert not is_going_on(work_dir, record(state=run_record.PUSHED))


def test_run_of_this_machine_is_known_by_its_process(work_dir):
    assert is_going_on(work_dir, record(host=host_name(), pid=os.getpid()))
    assert is_going_on(work_dir, record(host="", pid=os.getpid())), "early versions"
    assert not is_going_on(work_dir, record(host=host_name()))


def test_who_keeps_the_folder_busy_is_named_with_its_machine(work_dir):
    work_dir.write(record(pid=7))
    with (
        alive(work_dir, "r1"),
        running(work_dir),
        pytest.raises(WorkDirBusyError, match=r"r1 \(process 7 on another\)"),
        alone(work_dir),
    ):
        pass

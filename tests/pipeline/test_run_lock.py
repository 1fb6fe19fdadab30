"""Many runs hold a work folder, or one who removes things; the dead hold nothing."""

import subprocess
import sys
from contextlib import ExitStack

import pytest

from pipeline.run_lock import WorkDirBusyError, alone, preparing, running
from pipeline.run_record import RunRecord, WorkDir, process_start

HOLD = """
import sys
from pathlib import Path
from pipeline import run_lock
from pipeline.run_record import WorkDir
with getattr(run_lock, sys.argv[2])(WorkDir(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def hold(tmp_path):
    with ExitStack() as stack:

        def hold(how):
            holder = subprocess.Popen(
                [sys.executable, "-c", HOLD, str(tmp_path), how],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.callback(holder.communicate)
            stack.callback(holder.kill)
            assert holder.stdout.readline() == "held\n"
            return holder

        yield hold


def test_two_runs_hold_a_work_folder_at_once(tmp_path, hold):
    hold("running")
    with running(WorkDir(tmp_path)), running(WorkDir(tmp_path)):
        pass


def test_nothing_is_removed_while_a_run_goes_on_and_its_process_is_named(
    tmp_path, hold
):
    holder = hold("running")
    WorkDir(tmp_path).write(
        RunRecord(
            run_id="r7",
            pipeline="p",
            config_path="p.yaml",
            settings={},
            pid=holder.pid,
            pid_started=process_start(holder.pid),
        )
    )
    with (
        pytest.raises(WorkDirBusyError, match=rf"r7 \(process {holder.pid}\)") as error,
        alone(WorkDir(tmp_path)),
    ):
        pass
    assert error.value.exit_code == 2


def test_no_run_starts_while_results_are_removed(tmp_path, hold):
    hold("alone")
    with (
        pytest.raises(WorkDirBusyError, match=r"somebody is removing results"),
        running(WorkDir(tmp_path)),
    ):
        pass


@pytest.mark.parametrize("how", ["running", "alone"])
def test_killed_holder_holds_nothing(tmp_path, hold, how):
    holder = hold(how)
    holder.kill()
    holder.wait()
    with alone(WorkDir(tmp_path)):
        pass


def test_data_is_prepared_by_one_run_at_a_time(tmp_path, hold):
    holder = hold("preparing")
    waiter = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path), "preparing"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    with pytest.raises(subprocess.TimeoutExpired):
        waiter.wait(1.0)
    holder.kill()
    assert waiter.communicate(timeout=20)[0] == "held\n"
    with preparing(WorkDir(tmp_path)):
        assert (tmp_path / ".prepare.lock").exists()

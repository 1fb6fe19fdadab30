"""Who may work in a work folder: many runs at once, or one who removes things."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.run_liveness import is_going_on
from pipeline.run_record import RunRecord, WorkDir, host_name

_EXIT_CODE = 2


class WorkDirBusyError(RuntimeError):
    """A run, or somebody who removes what runs left, holds the work folder."""

    exit_code = _EXIT_CODE


@contextmanager
def running(work_dir: WorkDir) -> Iterator[None]:
    """Holds the work folder for a run; other runs may hold it too.

    Raises:
        WorkDirBusyError: Somebody is removing things from it.
    """
    with _held(work_dir, fcntl.LOCK_SH, "somebody is removing results of old runs"):
        yield


@contextmanager
def alone(work_dir: WorkDir) -> Iterator[None]:
    """Holds the work folder while nobody runs in it.

    Raises:
        WorkDirBusyError: A run is going on; names its process.
    """
    alive = [run for run in work_dir.list_runs() if is_going_on(work_dir, run)]
    who = ", ".join(f"{run.run_id} (process {run.pid}{_place(run)})" for run in alive)
    with _held(work_dir, fcntl.LOCK_EX, f"a run is going on: {who or 'unknown'}"):
        yield


@contextmanager
def preparing(work_dir: WorkDir) -> Iterator[None]:
    """Waits until no other run of this work folder prepares its data."""
    work_dir.path.mkdir(parents=True, exist_ok=True)
    handle = os.open(work_dir.path / ".prepare.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _place(run: RunRecord) -> str:
    return "" if run.host in ("", host_name()) else f" on {run.host}"


@contextmanager
def _held(work_dir: WorkDir, kind: int, reason: str) -> Iterator[None]:
    work_dir.path.mkdir(parents=True, exist_ok=True)
    handle = os.open(work_dir.path / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise WorkDirBusyError(
                f"{work_dir.path} is in use: {reason}. Wait for it to end."
            ) from error
        yield
    finally:
        os.close(handle)

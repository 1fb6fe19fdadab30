"""Whether a run is going on, also one of another machine that shares the work folder.

Processes of another machine are not seen here, and numbers of ours may be the same. So
a run holds a file of its folder for as long as its process lives; file systems that are
shared hand such locks on (NFS since Linux 2.6.12, flock(2)).
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.run_record import RUNNING, RunRecord, WorkDir, host_name


@contextmanager
def alive(work_dir: WorkDir, run_id: str) -> Iterator[None]:
    """Shows that a run goes on, until it is left or the process dies."""
    path = _alive_file(work_dir, run_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def is_going_on(work_dir: WorkDir, record: RunRecord) -> bool:
    """Tells whether a run of this work folder is going on, on whichever machine."""
    if record.state == RUNNING and record.host not in ("", host_name()):
        return _is_held(_alive_file(work_dir, record.run_id))
    return record.is_alive()


def _alive_file(work_dir: WorkDir, run_id: str) -> Path:
    return work_dir.run_dir(run_id) / ".alive"


def _is_held(path: Path) -> bool:
    try:
        handle = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False

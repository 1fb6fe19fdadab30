"""One change at a time of what is served, over all processes of a machine.

The lock is the kernel's (flock): it ends with its process, however that ends. On a
shared file system it holds where the file system passes flock on (NFS from version 4).
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from serving.versions.errors import VersionsError

LOCK = ".lock"

# A promotion loads the model to check it, which takes seconds, not minutes.
TIMEOUT_S = 120.0
_POLL_S = 0.05


@contextmanager
def changing(model_dir: Path, timeout_s: float = TIMEOUT_S) -> Iterator[None]:
    """Keeps every other change of a model waiting.

    Args:
        model_dir: The model's folder; made if it is not there.
        timeout_s: How long to wait for a change that is going on.

    Raises:
        VersionsError: The other change did not end, or the folder is read-only.
    """
    path = model_dir / LOCK
    try:
        model_dir.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise VersionsError(
            f"{path} cannot be opened: {error.strerror}. What is served can only be "
            "changed by someone who may write there."
        ) from error
    try:
        _wait_for(handle, path, timeout_s)
        yield
    finally:
        os.close(handle)


def is_changing(model_dir: Path) -> bool:
    """Tells whether a change is going on right now."""
    try:
        handle = os.open(model_dir / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _wait_for(handle: int, path: Path, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                raise VersionsError(
                    f"{path} is held by another change for more than {timeout_s:g} s. "
                    f"See who it is with: fuser {path}"
                ) from error
            time.sleep(_POLL_S)
        else:
            return

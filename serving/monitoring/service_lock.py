"""Keeps two monitors from telling the same alert twice."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOCK = "monitor.lock"


class MonitorLockedError(RuntimeError):
    """Another process works with this state folder.

    Attributes:
        exit_code: What the command line exits with.
    """

    exit_code = 1


@contextmanager
def only_monitor(folder: Path) -> Iterator[None]:
    """Holds the folder's lock; the kernel frees it when the process ends.

    A folder that is missing is made.

    Raises:
        MonitorLockedError: Another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise MonitorLockedError(
                f"another `slipway monitor` works in {folder}. Stop it, or give this "
                "one its own folder: --state DIR."
            ) from error
        yield

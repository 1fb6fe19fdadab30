"""One version as the manager follows it: from its folder to its end."""

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

from serving.server.core import VersionStatus
from serving.server.saved_model import SavedModelServable
from serving.server.status import Code, ServingError

START, LOADING, AVAILABLE = "START", "LOADING", "AVAILABLE"
UNLOADING, END = "UNLOADING", "END"

_LOOK_S = 1.0
_GRAPHS = ("saved_model.pb", "saved_model.pbtxt")


@dataclass(kw_only=True)
class VersionRecord:
    """A version's state.

    Attributes:
        version: Its number.
        path: Its folder.
        state: One of the five above.
        is_aspired: Whether the policy wants it served.
        error: Why it is not available; None: nothing is wrong.
        servable: While it is available.
        num_failures: Loads that failed since its files last changed.
        retry_s: When the next load is due, on the monotonic clock; None: none is.
        stamp: Of the files that the last load saw.
        seen_stamp: Of the files when they were last looked at after a failure.
        next_look_s: When they are looked at again, on the monotonic clock.
    """

    version: int
    path: Path
    state: str = START
    is_aspired: bool = True
    error: ServingError | None = None
    servable: SavedModelServable | None = None
    num_failures: int = 0
    retry_s: float | None = None
    stamp: str = ""
    seen_stamp: str = ""
    next_look_s: float = 0.0

    @property
    def status(self) -> VersionStatus:
        """The state as GetModelStatus gives it."""
        return VersionStatus(
            version=self.version,
            state=self.state,
            error_code=int(self.error.code) if self.error else 0,
            error_message=self.error.message if self.error else "",
        )

    @property
    def is_settled(self) -> bool:
        """Whether a first answer is there: it serves, it failed, or it is not whole."""
        is_busy = self.state in (START, LOADING) and self.error is None
        return not (self.is_aspired and is_busy)

    def is_due(self) -> bool:
        """Tells whether to load it now; notes in its error that files are missing."""
        if not self.is_aspired:
            return False
        if self.state == START:
            return self._has_graph()
        if self.error is None or self.state not in (LOADING, END):
            return False
        is_time = self.retry_s is not None and time.monotonic() >= self.retry_s
        return is_time or self._has_settled_anew()

    def _has_graph(self) -> bool:
        if any((self.path / name).is_file() for name in _GRAPHS):
            return True
        self.error = ServingError(
            Code.NOT_FOUND,
            f"Could not find SavedModel .pb or .pbtxt at {self.path}: waiting for it.",
        )
        return False

    def _has_settled_anew(self) -> bool:
        """Tells whether files changed since the failure, and stand still again."""
        if time.monotonic() < self.next_look_s:
            return False
        self.next_look_s = time.monotonic() + _LOOK_S
        before, self.seen_stamp = self.seen_stamp, files_stamp(self.path)
        if self.seen_stamp in (self.stamp, "") or self.seen_stamp != before:
            return False
        self.num_failures = 0
        return True

    def on_loading(self) -> None:
        """A load begins."""
        self.state, self.retry_s, self.error = LOADING, None, None
        self.stamp = self.seen_stamp = files_stamp(self.path)

    def on_loaded(self, servable: SavedModelServable) -> None:
        """A load succeeded."""
        self.state, self.servable, self.error = AVAILABLE, servable, None
        self.num_failures = 0

    def on_failed(self, error: ServingError, retry_s: float | None) -> None:
        """A load failed.

        Args:
            error: Why.
            retry_s: Seconds until the next; None: there is none.
        """
        self.error = error
        self.num_failures += 1
        self.state = END if retry_s is None else LOADING
        self.retry_s = None if retry_s is None else time.monotonic() + retry_s


def files_stamp(path: Path) -> str:
    """Returns a digest over names, sizes and times of a folder's files; "": none."""
    digest = hashlib.sha256()
    try:
        for file in sorted(path.rglob("*")):
            found = file.stat()
            digest.update(f"{file}|{found.st_size}|{found.st_mtime_ns}\n".encode())
    except OSError:  # somebody is at work in there
        return ""
    return digest.hexdigest()

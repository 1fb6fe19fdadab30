"""Brings closed files to the disk; where it takes none, they wait, or are dropped.

A file is written under a hidden name, synced, and renamed: what can be seen is whole.
Where that fails (the disk is full, the folder was removed or may not be written), the
file waits in memory and is tried again; beyond `buffer_bytes` files are dropped and
their rows counted. The log says so once an outage, and once it is over.
"""

import contextlib
import logging
import os
import time
from collections import deque
from pathlib import Path

from serving.prediction_log import log_layout
from serving.prediction_log.log_config import LogConfig
from serving.prediction_log.log_counters import UNWRITABLE, WRITTEN, LogCounters
from serving.prediction_log.open_file import ClosedFile

_LOG = logging.getLogger(__name__)
_RETRY_S = 1.0


class FileDelivery:
    """The files of one writer, in order."""

    def __init__(
        self, config: LogConfig, writer_id: str, counters: LogCounters
    ) -> None:
        """Takes where they go and who counts."""
        self._config = config
        self._writer_id = writer_id
        self._counters = counters
        self._waiting: deque[ClosedFile] = deque()
        self._num_files = 0
        self._dropped_rows = 0
        self._failed_s: float | None = None

    @property
    def waiting_rows(self) -> int:
        """Rows of files that wait for the disk."""
        return sum(file.rows for file in list(self._waiting))

    def add(self, file: ClosedFile) -> None:
        """Takes a file, writes it if it can, and keeps it if there is room."""
        self._waiting.append(file)
        self.retry()
        self._drop_beyond(self._config.buffer_bytes)

    def retry(self) -> None:
        """Writes what waits; after a failure not before a second has passed."""
        failed_s = self._failed_s
        if failed_s is None or time.monotonic() - failed_s >= _RETRY_S:
            self.write_waiting()

    def write_waiting(self) -> None:
        """Writes what waits, until one fails."""
        wrote = False
        while self._waiting:
            file = self._waiting[0]
            try:
                self._write(file)
            except OSError as error:
                self._on_failure(error)
                return
            self._waiting.popleft()
            self._counters.add(file.model, WRITTEN, file.rows)
            wrote = True
        if wrote:
            self._on_success()

    def give_up(self) -> None:
        """Drops what still waits; the process ends."""
        self._drop_beyond(0)
        self.write_counters()

    def write_counters(self) -> None:
        """Writes the writer's counts beside its files."""
        with contextlib.suppress(OSError):
            self._counters.write(self._config.log_dir, self._writer_id)

    def _write(self, file: ClosedFile) -> None:
        model_folder = log_layout.model_dir(self._config.log_dir, file.model)
        folder = log_layout.hour_dir(model_folder, file.began)
        folder.mkdir(parents=True, exist_ok=True)
        name = log_layout.file_name(file.began, self._writer_id, self._num_files + 1)
        part = folder / f".{name}{log_layout.PART_SUFFIX}"
        try:
            with part.open("wb") as target:
                target.write(file.content)
                target.flush()
                os.fsync(target.fileno())
            part.rename(folder / name)
        except OSError:
            with contextlib.suppress(OSError):
                part.unlink()
            raise
        self._num_files += 1
        _sync_folder(folder)

    def _on_failure(self, error: OSError) -> None:
        if self._failed_s is None:
            _LOG.error(
                "the prediction log cannot be written to %s: %s. Requests go on; rows "
                "wait in memory, and are dropped beyond %d bytes.",
                self._config.log_dir,
                error.strerror or error,
                self._config.buffer_bytes,
            )
        self._failed_s = time.monotonic()

    def _on_success(self) -> None:
        if self._failed_s is not None:
            _LOG.warning(
                "the prediction log is written again to %s; %d rows are missing.",
                self._config.log_dir,
                self._dropped_rows,
            )
        self._failed_s = None
        self._dropped_rows = 0
        self.write_counters()

    def _drop_beyond(self, limit_bytes: int) -> None:
        """Drops the newest files that wait, until the others fit."""
        while (
            self._waiting and sum(len(f.content) for f in self._waiting) > limit_bytes
        ):
            file = self._waiting.pop()
            self._dropped_rows += file.rows
            self._counters.add(file.model, UNWRITABLE, file.rows)


def _sync_folder(folder: Path) -> None:
    """Makes a rename last; where the file system cannot, it lasts a little later."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

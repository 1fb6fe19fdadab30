"""Sums the counts of workers, so that each of them shows those of all.

    {private folder of the supervisor}/
      0.json    what worker 0 and those it was started again after have counted
      1.json    …

A worker writes its file once a second, after its last request, and before it shows a
page; a page is the sum of all files. So what any page has shown is in a file, and no
later page of any worker shows less. A worker that is started again begins with the
counts in its file: those of the one before, but for what that one counted in the second
before it was killed and showed nobody.

A file is written beside itself and renamed, so it is always whole.
"""

import asyncio
import logging
from pathlib import Path

import orjson

from serving.server.metrics import ServerMetrics, Snapshot

_LOG = logging.getLogger(__name__)
_WRITE_S = 1.0


class MetricsFile:
    """One worker's counts, and the way to those of the others."""

    def __init__(self, path: Path, metrics: ServerMetrics) -> None:
        """Goes on from the counts in the file, if it is there.

        Args:
            path: Of this worker's file, in a folder that holds nothing else.
            metrics: What this worker counts; nothing yet.
        """
        self._path = path
        self._metrics = metrics
        self._is_failing = False
        if path.exists():
            metrics.restore(orjson.loads(path.read_bytes()))

    def page(self) -> bytes:
        """Returns the counts of all workers in Prometheus' text format."""
        together = ServerMetrics()
        together.add_snapshot(self.write())
        for path in self._path.parent.glob("*.json"):
            if path != self._path:
                together.add_snapshot(orjson.loads(path.read_bytes()))
        return together.exposition().encode()

    def write(self) -> Snapshot:
        """Writes what was counted so far, and returns it.

        Where it cannot be written, the log says so once.
        """
        snapshot = self._metrics.snapshot()
        beside = self._path.with_suffix(".new")
        try:
            beside.write_bytes(orjson.dumps(snapshot))
            beside.replace(self._path)
        except OSError as error:
            if not self._is_failing:
                _LOG.error(
                    "%s cannot be written: %s. Other workers show old counts.",
                    self._path,
                    error.strerror or error,
                )
            self._is_failing = True
        else:
            self._is_failing = False
        return snapshot

    async def keep_writing(self) -> None:
        """Writes once a second, until it is cancelled."""
        while True:
            await asyncio.sleep(_WRITE_S)
            self.write()

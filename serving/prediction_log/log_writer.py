"""Takes answered requests and writes them; never waits and never raises.

`offer` puts references into a queue; a thread makes Arrow columns of them in bulk,
a file in memory of the columns, and brings it to the disk (file_delivery). The queue is
bounded: what comes while it is full is dropped and counted.

    writer = PredictionLogWriter(LogConfig(log_dir=Path("predictions")))
    model = LoggedModel(name="flights", version=3)
    writer.offer(LoggedRequest(model=model, request_id="7f-1", num_rows=1,
                               rows=(inputs, outputs), latency_s=0.002))
    writer.close()

A server whose own thread has no time to share uses PredictionLogProcess instead.
"""

import logging
import os
import threading

import numpy as np
import pyarrow as pa

from serving.prediction_log.full_buffer import FullBuffer
from serving.prediction_log.log_config import LogConfig
from serving.prediction_log.log_counters import LogCounters, OnRows
from serving.prediction_log.log_files import LogFiles
from serving.prediction_log.logged_request import (
    LoggedBatch,
    LoggedRequest,
    batch_of,
)
from serving.prediction_log.row_queue import RowQueue

_LOG = logging.getLogger(__name__)


class PredictionLogWriter:
    """The log of one process, of all its models.

    Attributes:
        writer_id: In the names of its files.
        counters: What became of the rows.
    """

    def __init__(self, config: LogConfig, on_rows: OnRows | None = None) -> None:
        """Starts the thread; folders are made when there is something to write.

        Args:
            config: The settings.
            on_rows: Hears of every count; must not wait or raise.
        """
        # Arrow's first array imports pandas, which would hold Python's lock for half a
        # second while requests are answered.
        pa.array(np.zeros(1))
        self.writer_id = os.urandom(6).hex()
        self.counters = LogCounters(on_rows)
        self._config = config
        self._queue = RowQueue(config.buffer_rows)
        self._files = LogFiles(config, self.writer_id, self.counters)
        self._wakes = threading.Event()
        self._is_closing = False
        self._full = FullBuffer(config.buffer_rows, self.counters)
        self._thread = threading.Thread(
            target=self._run, name="prediction-log", daemon=True
        )
        self._thread.start()

    @property
    def buffered_rows(self) -> int:
        """Rows that would be lost if the process were killed now."""
        return self._queue.rows + self._files.rows

    def offer(self, request: LoggedRequest) -> bool:
        """Takes a request; False: it is dropped, and counted."""
        return self.offer_batch(batch_of(request))

    def offer_batch(self, batch: LoggedBatch) -> bool:
        """Takes requests that ran as one; False: they are dropped, and counted."""
        rows = sum(batch.sizes)
        waiting = self._queue.put(batch, rows)
        if not waiting:
            self._full.on_rows(batch.model.name, rows)
        elif waiting >= self._files.chunk_rows > waiting - rows:
            self._wakes.set()
        return waiting > 0

    def close(self, limit_s: float = 10.0) -> None:
        """Writes what waits, and ends the thread; what comes later is dropped.

        Args:
            limit_s: After so many seconds the rest is left and counted as lost.
        """
        self._queue.close()
        self._is_closing = True
        self._wakes.set()
        self._thread.join(limit_s)
        if self._thread.is_alive():
            _LOG.error(
                "the prediction log is not done being written to %s; %d rows are left.",
                self._config.log_dir,
                self.buffered_rows,
            )

    def _run(self) -> None:
        is_last = False
        while not is_last:
            self._wakes.wait(self._files.tick_s)
            self._wakes.clear()
            is_last = self._is_closing
            self._files.turn(self._queue, is_last=is_last)
            if not self._queue.rows:
                self._full.is_over()

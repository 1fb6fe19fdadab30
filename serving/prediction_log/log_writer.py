"""Takes answered requests and writes them; never waits and never raises.

`offer` puts references into a queue; a thread makes Arrow columns of them in bulk,
a file in memory of the columns, and brings it to the disk (file_delivery). The queue is
bounded: what comes while it is full is dropped and counted.

    writer = PredictionLogWriter(LogConfig(log_dir=Path("predictions")))
    model = LoggedModel(name="flights", version=3)
    writer.offer(LoggedRequest(model=model, request_id="7f-1", num_rows=1,
                               rows=(inputs, outputs), latency_s=0.002))
    writer.close()
"""

import logging
import os
import threading
import time
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from serving.prediction_log.file_assembly import FileAssembly
from serving.prediction_log.file_delivery import FileDelivery
from serving.prediction_log.log_config import LogConfig
from serving.prediction_log.log_counters import BUFFER_FULL, LogCounters, OnRows
from serving.prediction_log.logged_request import LoggedBatch, LoggedRequest
from serving.prediction_log.retention import remove_old_files

_LOG = logging.getLogger(__name__)
_TICK_S = 0.25
_CHUNK_ROWS = 16_384
"""Rows that are made columns of at once: enough for a row group, and some milliseconds'
work."""
_SWEEP_S = 3600.0


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
        self._delivery = FileDelivery(config, self.writer_id, self.counters)
        self._assembly = FileAssembly(
            config, self.writer_id, self.counters, self._delivery
        )
        self._tick_s = min(_TICK_S, config.rotate_s)
        self._chunk_rows = min(_CHUNK_ROWS, config.rotate_rows)
        self._lock = threading.Lock()
        self._wakes = threading.Event()
        self._waiting: list[LoggedBatch] = []
        self._waiting_rows = self._taken_rows = 0
        self._began_s: float | None = None
        self._is_closing = self._is_full = False
        self._swept_s: float | None = None
        self._thread = threading.Thread(
            target=self._run, name="prediction-log", daemon=True
        )
        self._thread.start()

    @property
    def buffered_rows(self) -> int:
        """Rows that would be lost if the process were killed now."""
        return (
            self._waiting_rows
            + self._taken_rows
            + self._assembly.open_rows
            + self._delivery.waiting_rows
        )

    def offer(self, request: LoggedRequest) -> bool:
        """Takes a request; False: it is dropped, and counted."""
        answered_us = request.answered_us
        return self.offer_batch(
            LoggedBatch(
                model=request.model,
                signature=request.signature,
                rows=request.rows,
                answered_us=(
                    time.time_ns() // 1000 if answered_us is None else answered_us
                ),
                request_ids=(request.request_id,),
                latencies_s=(request.latency_s,),
                first_rows=(0,),
                sizes=(request.num_rows,),
                facts=(request.facts,),
            )
        )

    def offer_batch(self, batch: LoggedBatch) -> bool:
        """Takes requests that ran as one; False: they are dropped, and counted."""
        rows = sum(batch.sizes)
        with self._lock:
            waiting = self._waiting_rows + rows
            if self._is_closing or waiting > self._config.buffer_rows:
                is_taken = False
            else:
                is_taken = True
                self._waiting.append(batch)
                self._waiting_rows = waiting
        if not is_taken:
            self._on_full(batch.model.name, rows)
        elif waiting >= self._chunk_rows > waiting - rows:
            self._wakes.set()
        return is_taken

    def close(self, limit_s: float = 10.0) -> None:
        """Writes what waits, and ends the thread; what comes later is dropped.

        Args:
            limit_s: After so many seconds the rest is left and counted as lost.
        """
        with self._lock:
            self._is_closing = True
        self._wakes.set()
        self._thread.join(limit_s)
        if self._thread.is_alive():
            _LOG.error(
                "the prediction log is not done being written to %s; %d rows are left.",
                self._config.log_dir,
                self.buffered_rows,
            )

    def _on_full(self, model: str, rows: int) -> None:
        self.counters.add(model, BUFFER_FULL, rows)
        if not self._is_full:
            self._is_full = True
            _LOG.error(
                "more predictions come than the prediction log can write: its buffer "
                "of %d rows is full, and rows are dropped and counted.",
                self._config.buffer_rows,
            )

    def _run(self) -> None:
        is_last = False
        while not is_last:
            self._wakes.wait(self._tick_s)
            self._wakes.clear()
            is_last = self._is_closing
            try:
                self._turn(is_last=is_last)
            except Exception:  # noqa: BLE001 - the log goes on with what comes next
                _LOG.exception("the prediction log failed")
        self._delivery.give_up()

    def _turn(self, *, is_last: bool) -> None:
        now_s = time.monotonic()
        if self._began_s is None and self._waiting:
            self._began_s = now_s
        is_due = (
            self._began_s is not None and now_s - self._began_s >= self._config.rotate_s
        )
        if self._waiting_rows >= self._chunk_rows or is_due or is_last:
            self._assembly.add(self._take())
            self._taken_rows = 0
        if is_due or is_last:
            self._assembly.close_all()
            self._began_s = None
        self._delivery.retry()
        if is_last:
            self._delivery.write_waiting()
        elif self._swept_s is None or now_s - self._swept_s > _SWEEP_S:
            self._swept_s = now_s
            self._sweep()

    def _take(self) -> list[LoggedBatch]:
        with self._lock:
            taken, self._waiting = self._waiting, []
            self._taken_rows, self._waiting_rows = self._waiting_rows, 0
            self._is_full = False
        return taken

    def _sweep(self) -> None:
        days = self._config.retention_days
        removed = remove_old_files(self._config.log_dir, days, datetime.now(UTC))
        if removed:
            _LOG.info(
                "%d files of the prediction log are older than %d days; removed.",
                removed,
                days,
            )

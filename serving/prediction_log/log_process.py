"""A prediction log that is written by a process of its own.

Making columns and files of a row costs a tenth of what answering it does, most of it
under Python's lock: in the server's own process that tenth would be missing. So a
thread only hands batches on, thousands of rows at a time, and another process on
another core does the rest (log_writer_process).

    log = PredictionLogProcess(LogConfig(log_dir=Path("predictions")))
    log.offer_batch(batch)
    log.close()

If the server is killed, the process writes what it was handed, and ends. If the process
is killed, the rows that it held are lost and counted, and another one is started.
"""

import logging
import threading
import time
from collections.abc import Sequence

from serving.prediction_log.full_buffer import FullBuffer
from serving.prediction_log.log_config import LogConfig
from serving.prediction_log.log_counters import (
    BUFFER_FULL,
    UNREADABLE,
    UNWRITABLE,
    LogCounters,
    OnRows,
)
from serving.prediction_log.log_pipe import Counted
from serving.prediction_log.logged_request import (
    LoggedBatch,
    LoggedRequest,
    batch_of,
)
from serving.prediction_log.row_queue import RowQueue
from serving.prediction_log.writer_link import WriterLink

_LOG = logging.getLogger(__name__)
_TICK_S = 0.1
_MESSAGE_ROWS = 4096
"""Rows of a message: making it takes less than a millisecond, in which nobody else has
Python's lock."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
_STEADY_S = 60.0


class PredictionLogProcess:
    """The log of one server, of all its models; never waits and never raises.

    Attributes:
        counters: What became of the rows.
    """

    def __init__(self, config: LogConfig, on_rows: OnRows | None = None) -> None:
        """Starts the process; folders are made when there is something to write.

        Args:
            config: The settings.
            on_rows: Hears of every count, in any thread; must not wait or raise.
        """
        self.counters = LogCounters(on_rows)
        self._config = config
        self._queue = RowQueue(config.buffer_rows)
        self._full = FullBuffer(config.buffer_rows, self.counters)
        self._wakes = threading.Event()
        self._is_closing = False
        self._writer: WriterLink | None = None
        self._start_s = self._pause_s = 0.0
        # Dropped here; the writer's own file of counters is to tell of them, too.
        self._untold: dict[tuple[str, str], int] = {}
        self._untold_lock = threading.Lock()
        self._thread = threading.Thread(
            target=self._run, name="prediction-log", daemon=True
        )
        self._thread.start()

    @property
    def buffered_rows(self) -> int:
        """Rows that are not on the disk."""
        writer = self._writer
        return self._queue.rows + (writer.held_rows if writer is not None else 0)

    @property
    def writer_pid(self) -> int:
        """Of the process that writes; 0: none runs."""
        writer = self._writer
        return writer.pid if writer is not None else 0

    def offer(self, request: LoggedRequest) -> bool:
        """Takes a request; False: it is dropped, and counted."""
        return self.offer_batch(batch_of(request))

    def offer_batch(self, batch: LoggedBatch) -> bool:
        """Takes requests that ran as one; False: they are dropped, and counted."""
        rows = sum(batch.sizes)
        waiting = self._queue.put(batch, rows)
        if not waiting:
            self._full.on_rows(batch.model.name, rows)
            self._tell_later(batch.model.name, BUFFER_FULL, rows)
        elif waiting >= _MESSAGE_ROWS > waiting - rows:
            self._wakes.set()
        return waiting > 0

    def close(self, limit_s: float = 10.0) -> None:
        """Has everything written; what comes later is dropped.

        Args:
            limit_s: After so many seconds the process is left to end by itself.
        """
        self._queue.close()
        self._is_closing = True
        self._wakes.set()
        end_s = time.monotonic() + limit_s
        self._thread.join(limit_s)
        writer = self._writer
        if (
            writer is not None
            and not self._thread.is_alive()
            and writer.ended_within(max(0.0, end_s - time.monotonic()))
        ):
            self._on_lost(writer)
        if self.buffered_rows:
            _LOG.error(
                "the prediction log is not done being written to %s; %d rows are left.",
                self._config.log_dir,
                self.buffered_rows,
            )

    def _tell_later(self, model: str, outcome: str, rows: int) -> None:
        with self._untold_lock:
            known = self._untold.get((model, outcome), 0)
            self._untold[model, outcome] = known + rows

    def _run(self) -> None:
        while not self._is_closing:
            try:
                self._turn()
            except Exception:  # noqa: BLE001 - the log goes on with what comes next
                _LOG.exception("the prediction log failed")
            self._wakes.wait(_TICK_S)
            self._wakes.clear()
        if self.buffered_rows:
            self._start_s = 0.0  # the last rows wait for no pause
            self._look_after()
        if self._writer is not None:
            self._hand_on(self._writer)
            self._writer.finish()

    def _turn(self) -> None:
        self._look_after()
        if self._writer is not None:
            self._hand_on(self._writer)

    def _look_after(self) -> None:
        """Starts a writer where none runs, after a pause that grows."""
        now_s = time.monotonic()
        if self._writer is not None:
            if not self._writer.has_ended:
                return
            self._on_lost(self._writer)
            self._writer = None
            if now_s >= self._start_s + _STEADY_S:
                self._pause_s = 0.0
            self._start_s = now_s + self._pause_s
        if now_s >= self._start_s:
            self._pause_s = min(
                max(2 * self._pause_s, _FIRST_PAUSE_S), _LONGEST_PAUSE_S
            )
            self._start_s = now_s + self._pause_s
            self._writer = self._started()

    def _started(self) -> WriterLink | None:
        try:
            return WriterLink(self._config, self.counters)
        except OSError as error:
            _LOG.error(
                "the process that writes the prediction log cannot be started: %s. "
                "Rows wait, and are dropped beyond %d.",
                error.strerror or error,
                self._config.buffer_rows,
            )
            return None

    def _hand_on(self, writer: WriterLink) -> None:
        """Hands on what waits; takes as long as the writer does with earlier rows."""
        try:
            while self._queue.rows:
                batches = self._queue.take(_MESSAGE_ROWS)
                self._full.is_over()
                self._send(writer, batches)
            self._tell_untold(writer)
        except OSError:  # it has ended: _look_after sees it
            return

    def _send(self, writer: WriterLink, batches: Sequence[LoggedBatch]) -> None:
        try:
            writer.hand_on(batches)
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 - a value that cannot be sent
            if len(batches) == 1:
                self._on_unreadable(batches[0], error)
                return
            for batch in batches:
                self._send(writer, [batch])

    def _on_unreadable(self, batch: LoggedBatch, error: Exception) -> None:
        name, rows = batch.model.name, sum(batch.sizes)
        if not self.counters.value(UNREADABLE, name):
            _LOG.error(
                "rows of %s cannot be logged: %s. They are dropped and counted.",
                name,
                error,
            )
        self.counters.add(name, UNREADABLE, rows)
        self._tell_later(name, UNREADABLE, rows)

    def _tell_untold(self, writer: WriterLink) -> None:
        with self._untold_lock:
            untold, self._untold = self._untold, {}
        for (model, outcome), rows in untold.items():
            writer.tell(Counted(model, outcome, rows))

    def _on_lost(self, writer: WriterLink) -> None:
        """Counts what a writer that has ended held."""
        lost = writer.lost()
        for model, rows in lost.items():
            self.counters.add(model, UNWRITABLE, rows)
            self._tell_later(model, UNWRITABLE, rows)
        if lost or writer.exit_code:
            _LOG.error(
                "the process that writes the prediction log ended with %s; %d rows are "
                "lost%s.",
                writer.exit_code,
                sum(lost.values()),
                "" if self._is_closing else "; it is started again",
            )

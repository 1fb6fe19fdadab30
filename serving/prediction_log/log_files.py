"""When waiting batches become files: enough rows, or enough seconds."""

import logging
import time
from datetime import UTC, datetime

from serving.prediction_log.file_assembly import FileAssembly
from serving.prediction_log.file_delivery import FileDelivery
from serving.prediction_log.log_config import LogConfig
from serving.prediction_log.log_counters import LogCounters
from serving.prediction_log.retention import remove_old_files
from serving.prediction_log.row_queue import RowQueue

_LOG = logging.getLogger(__name__)
_TICK_S = 0.25
_CHUNK_ROWS = 16_384
"""Rows that are made columns of at once: enough for a row group, and some milliseconds'
work."""
_SWEEP_S = 3600.0


class LogFiles:
    """The files of one writer.

    Attributes:
        tick_s: `turn` should be called so often.
        chunk_rows: Or when so many rows wait.
    """

    def __init__(
        self, config: LogConfig, writer_id: str, counters: LogCounters
    ) -> None:
        """Opens nothing yet."""
        self.tick_s = min(_TICK_S, config.rotate_s)
        self.chunk_rows = min(_CHUNK_ROWS, config.rotate_rows)
        self._config = config
        self._delivery = FileDelivery(config, writer_id, counters)
        self._assembly = FileAssembly(config, writer_id, counters, self._delivery)
        self._taken_rows = 0
        self._began_s: float | None = None
        self._swept_s: float | None = None

    @property
    def rows(self) -> int:
        """Rows that were taken from a queue and are not on the disk yet."""
        return self._taken_rows + self._assembly.open_rows + self._delivery.waiting_rows

    def turn(self, queue: RowQueue, *, is_last: bool = False) -> None:
        """Does what is due; never raises.

        Args:
            queue: Is emptied where its rows are enough, or it is time.
            is_last: Everything is written, or given up.
        """
        try:
            self._turn(queue, is_last=is_last)
        except Exception:  # noqa: BLE001 - the log goes on with what comes next
            _LOG.exception("the prediction log failed")
        if is_last:
            self._delivery.give_up()

    def _turn(self, queue: RowQueue, *, is_last: bool) -> None:
        now_s = time.monotonic()
        if self._began_s is None and queue.rows:
            self._began_s = now_s
        is_due = (
            self._began_s is not None and now_s - self._began_s >= self._config.rotate_s
        )
        if queue.rows >= self.chunk_rows or is_due or is_last:
            self._taken_rows = queue.rows
            self._assembly.add(queue.take())
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

    def _sweep(self) -> None:
        days = self._config.retention_days
        removed = remove_old_files(self._config.log_dir, days, datetime.now(UTC))
        if removed:
            _LOG.info(
                "%d files of the prediction log are older than %d days; removed.",
                removed,
                days,
            )

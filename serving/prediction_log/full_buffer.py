"""What is done where more rows come than the log can write."""

import logging

from serving.prediction_log.log_counters import BUFFER_FULL, LogCounters

_LOG = logging.getLogger(__name__)


class FullBuffer:
    """Counts what a full buffer cannot take; says so once until there is room again."""

    def __init__(self, buffer_rows: int, counters: LogCounters) -> None:
        """Takes the buffer's size, and who counts."""
        self._buffer_rows = buffer_rows
        self._counters = counters
        self._is_told = False

    def on_rows(self, model: str, rows: int) -> None:
        """Counts rows that are dropped."""
        self._counters.add(model, BUFFER_FULL, rows)
        if not self._is_told:
            self._is_told = True
            _LOG.error(
                "more predictions come than the prediction log can write: its buffer "
                "of %d rows is full, and rows are dropped and counted.",
                self._buffer_rows,
            )

    def is_over(self) -> None:
        """Hears that there is room again."""
        self._is_told = False

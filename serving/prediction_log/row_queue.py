"""Batches that wait to be written, up to so many rows; safe for threads."""

import math
import threading
from collections import deque

from serving.prediction_log.logged_request import LoggedBatch


class RowQueue:
    """What was offered and is not being worked on yet."""

    def __init__(self, capacity: float) -> None:
        """Takes at most `capacity` rows at once."""
        self._capacity = capacity
        self._lock = threading.Lock()
        self._batches: deque[tuple[LoggedBatch, int]] = deque()
        self._rows = 0
        self._is_closed = False

    @property
    def rows(self) -> int:
        """Rows that wait."""
        return self._rows

    def put(self, batch: LoggedBatch, rows: int) -> int:
        """Takes a batch of so many rows.

        Returns:
            Rows that wait now; 0: there is no room for it, or the queue is closed.
        """
        with self._lock:
            waiting = self._rows + rows
            if self._is_closed or waiting > self._capacity:
                return 0
            self._batches.append((batch, rows))
            self._rows = waiting
        return waiting

    def take(self, rows: float = math.inf) -> list[LoggedBatch]:
        """Returns the first batches in order, until they have so many rows."""
        taken: list[LoggedBatch] = []
        with self._lock:
            while self._batches and rows > 0:
                batch, size = self._batches.popleft()
                taken.append(batch)
                self._rows -= size
                rows -= size
        return taken

    def close(self) -> None:
        """Takes no more."""
        with self._lock:
            self._is_closed = True

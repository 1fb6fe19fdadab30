"""Writes down what happens in a replay, and how long each kind of work took."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any

from benchmarks.year_replayed.year_record import YearEvent, YearRecord


class Diary:
    """The record of a replay that is going on.

    Attributes:
        record: What happened so far.
    """

    def __init__(self, tell: Callable[[YearEvent], None]) -> None:
        """Starts empty.

        Args:
            tell: Is given each event as it happens.
        """
        self.record = YearRecord()
        self._tell = tell

    def note(
        self,
        day: date,
        kind: str,
        title: str,
        cause: str = "",
        numbers: Mapping[str, Any] | None = None,
    ) -> None:
        """Adds an event; see YearEvent."""
        event = YearEvent(
            day=day, kind=kind, title=title, cause=cause, numbers=dict(numbers or {})
        )
        self.record.events.append(event)
        self._tell(event)

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Adds the seconds spent inside to those of one kind of work."""
        began = time.monotonic()
        try:
            yield
        finally:
            spent = self.record.wall_s.get(what, 0.0)
            self.record.wall_s[what] = spent + time.monotonic() - began

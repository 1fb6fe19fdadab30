"""Where a moment lies across a chart, in percent of its width."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_RIGHT = 99.5
_MAX_TICKS = 6
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_STEPS = (
    _HOUR,
    3 * _HOUR,
    6 * _HOUR,
    12 * _HOUR,
    _DAY,
    2 * _DAY,
    7 * _DAY,
    14 * _DAY,
)
_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120)
_MONTHS_A_YEAR = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Tick:
    """A labelled moment.

    Attributes:
        place: Percent of the width.
        label: Such as "1 Jul".
    """

    place: float
    label: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeAxis:
    """The stretch of time that every chart of a page covers.

    Attributes:
        start, end: Its ends; start < end.
        left: Percent of the width before the start, for the values' marks.
    """

    start: datetime
    end: datetime
    left: float = 0.5

    def place(self, time: datetime) -> float:
        """Returns percent of the width; what lies outside is put at the edge."""
        share = (time - self.start) / (self.end - self.start)
        return round(self.left + (_RIGHT - self.left) * min(1.0, max(0.0, share)), 3)

    def ticks(self) -> list[Tick]:
        """Returns at most six round moments."""
        return [
            Tick(place=self.place(time), label=label) for time, label in self._moments()
        ]

    def _moments(self) -> list[tuple[datetime, str]]:
        length = self.end - self.start
        for step in _STEPS:
            if length / step <= _MAX_TICKS:
                return self._each(step)
        return self._each_months()

    def _each(self, step: timedelta) -> list[tuple[datetime, str]]:
        """Multiples of a step since the midnight before the start."""
        time = self.start.astimezone(UTC)
        time = time.replace(hour=0, minute=0, second=0, microsecond=0)
        found = []
        while time <= self.end:
            if time >= self.start:
                clock = f"{time:%H:%M}" if step < _DAY and time.hour else ""
                found.append((time, clock or f"{time.day} {time:%b}"))
            time += step
        return found[:_MAX_TICKS]

    def _each_months(self) -> list[tuple[datetime, str]]:
        start, end = self.start.astimezone(UTC), self.end.astimezone(UTC)
        months = (end.year - start.year) * _MONTHS_A_YEAR + end.month - start.month
        step = next((step for step in _MONTHS if months / step <= _MAX_TICKS), 120)
        first = start.year * _MONTHS_A_YEAR + start.month - 1
        found = []
        for index in range(first - first % step, first + months + 1, step):
            year, month = divmod(index, _MONTHS_A_YEAR)
            time = datetime(year, month + 1, 1, tzinfo=UTC)
            if start <= time <= end:
                label = f"{time:%b %Y}" if month == 0 else f"{time:%b}"
                found.append((time, label))
        return found[:_MAX_TICKS]

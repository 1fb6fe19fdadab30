"""Numbers and times as the page shows them."""

import math
from datetime import UTC, datetime, timedelta

NOTHING = "\N{EN DASH}"
"""Stands for what is not known."""

_DAY = timedelta(days=1)
_SMALLEST_SHARE = 0.0001
_WHOLE_PERCENT = 0.1
_MANY = 1_000


def percent(share: float | None) -> str:
    """Returns 0.3042 as "30 %", 0.0042 as "0.42 %", a trace as "< 0.01 %"."""
    if share is None:
        return NOTHING
    if share == 0:
        return "0 %"
    if abs(share) < _SMALLEST_SHARE:
        return "< 0.01 %" if share > 0 else "> -0.01 %"
    if abs(share) < _WHOLE_PERCENT:
        return f"{share * 100:.2g} %"
    return f"{share * 100:.0f} %"


def points(difference: float) -> str:
    """Returns a difference of shares in percentage points, with its sign."""
    return f"{difference * 100:+.1f}"


def number(value: float | None) -> str:
    """Returns three digits: 0.712, 12.3, 1,235, 3.2e-09."""
    if value is None:
        return NOTHING
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if abs(value) >= _MANY:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def metric(value: float | None) -> str:
    """Returns a metric of quality with three decimals."""
    return NOTHING if value is None else f"{value:.3f}"


def count(value: int) -> str:
    """Returns 12,345."""
    return f"{value:,}"


def counted(value: int, one: str, many: str | None = None) -> str:
    """Returns "1 warning" or "2 warnings"."""
    return f"{value:,} {one if value == 1 else many or one + 's'}"


def day(time: datetime) -> str:
    """Returns "3 July 2013", with the time of day where it is not midnight, UTC."""
    time = time.astimezone(UTC)
    clock = f" {time:%H:%M}" if (time.hour, time.minute) != (0, 0) else ""
    return f"{time.day} {time:%B %Y}{clock}"


def short_day(time: datetime) -> str:
    """Returns "3 Jul", with the time of day where it is not midnight, UTC."""
    time = time.astimezone(UTC)
    clock = f" {time:%H:%M}" if (time.hour, time.minute) != (0, 0) else ""
    return f"{time.day} {time:%b}{clock}"


def stretch(start: datetime, end: datetime) -> str:
    """Returns "3 Jul" for that day, "3 Jul to 9 Jul" for whole days, or both ends.

    `end` is not part of the stretch.
    """
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    is_whole_days = start.time() == end.time() == datetime.min.time()
    if not is_whole_days:
        return f"{short_day(start)} to {short_day(end)}"
    last = end - _DAY
    if last.date() <= start.date():
        return short_day(start)
    return f"{short_day(start)} to {short_day(last)}"

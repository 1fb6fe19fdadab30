"""Which rows of a file fall into a span of time, by one of its two clocks.

    time         when the request was answered
    event_time   when what it is about took place; where the client did not say, `time`

Row groups whose statistics leave no doubt are not read.
"""

from datetime import UTC, datetime
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

Clock = Literal["event_time", "time"]
_CLOCKS = ("event_time", "time")


def check_clock(clock: str) -> None:
    """Raises ValueError for a clock that there is not."""
    if clock not in _CLOCKS:
        raise ValueError(f"clock is {clock!r}; expected one of {', '.join(_CLOCKS)}.")


def utc(moment: datetime | None) -> datetime | None:
    """Returns a moment in UTC; without an offset UTC is meant."""
    if moment is None:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC)


def clock_columns(clock: Clock) -> tuple[str, ...]:
    """Returns the columns that a clock is read from."""
    return ("time",) if clock == "time" else ("event_time", "time")


def clock_values(table: Any, clock: Clock) -> Any:
    """Returns what the clock showed, timestamp[us, UTC], for each row."""
    if clock == "time":
        return table["time"]
    return pc.coalesce(table["event_time"], table["time"])


def within(
    table: Any, clock: Clock, since: datetime | None, until: datetime | None
) -> Any:
    """Returns the rows with since <= clock < until; None: no limit."""
    if since is None and until is None:
        return table
    values = clock_values(table, clock)
    kind = values.type
    keep = pa.scalar(value=True)
    if since is not None:
        keep = pc.and_(keep, pc.greater_equal(values, pa.scalar(since, kind)))
    if until is not None:
        keep = pc.and_(keep, pc.less(values, pa.scalar(until, kind)))
    return table.filter(keep)


def exact_range(file: Any, place: int, clock: Clock) -> tuple[datetime, ...]:
    """Returns the first and last time of a row group; nothing: it has no rows.

    Args:
        file: A pyarrow.parquet.ParquetFile of a log.
        place: Of the row group.
        clock: Which one.
    """
    group = file.metadata.row_group(place)
    is_mixed = clock == "event_time" and 0 < _events(group).null_count < group.num_rows
    if not is_mixed:
        return group_range(group, clock) or ()
    table = file.read_row_group(place, columns=list(clock_columns(clock)))
    bounds = pc.min_max(clock_values(table, clock)).as_py()
    return bounds["min"], bounds["max"]


def group_range(group: Any, clock: Clock) -> tuple[datetime, datetime] | None:
    """Returns the first and last time of a row group.

    Args:
        group: A pyarrow.parquet.RowGroupMetaData of a log file.
        clock: Which one.

    Returns:
        Bounds that hold for sure; None: it has no rows.
    """
    if not group.num_rows:
        return None
    times = _statistics(group, "time")
    found = [times.min, times.max]
    if clock == "event_time":
        events = _events(group)
        if events.has_min_max:
            own = [events.min, events.max]
            found = found + own if events.null_count else own
    return min(found), max(found)


def _events(group: Any) -> Any:
    return _statistics(group, "event_time")


def _statistics(group: Any, name: str) -> Any:
    columns = (group.column(place) for place in range(group.num_columns))
    return next(found for found in columns if found.path_in_schema == name).statistics

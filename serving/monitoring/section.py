"""All rows of a window, or one slice of it."""

from dataclasses import dataclass

from serving.monitoring.coded_log import CodedLog, Rows

ALL_ROWS = ""


@dataclass(frozen=True, kw_only=True)
class Section:
    """All rows of a window, or one slice.

    Attributes:
        start, end: Microseconds since 1970.
        slice: "" or "carrier=UA".
        rows: Places in the log's table.
        share: Of the window's rows, 0 to 1.
    """

    start: int
    end: int
    slice: str
    rows: Rows
    share: float = 1.0


def slice_rows(coded: CodedLog, rows: Rows, slice_name: str) -> Rows:
    """Returns those rows that belong to a slice; all for ""."""
    if not slice_name:
        return rows
    feature, value = slice_name.split("=", 1)
    values, places = coded.slices[feature]
    mine: Rows = rows[places[rows] == values.index(value)]
    return mine

"""What readers of all formats hand on: some rows as columns, and rows they gave up."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

# One call of the model; larger batches gain nothing and only hold more rows.
BATCH_ROWS = 8192


class BadReason(StrEnum):
    """Why a row cannot be scored."""

    MISSING = "missing"
    NOT_A_NUMBER = "not_a_number"
    INFINITE = "infinite"
    NOT_WHOLE = "not_whole"
    OUT_OF_RANGE = "out_of_range"
    NOT_UTF8 = "not_utf8"
    MALFORMED = "malformed"


@dataclass(frozen=True, kw_only=True, slots=True)
class BadRow:
    """A row that cannot be scored, by the first thing that is wrong with it.

    Attributes:
        row: Its number in its file, from 1; a CSV's header is not counted.
        field: The column; "" if the row as a whole is wrong.
        reason: What kind of wrong.
        expected: What would have been right, in words.
        values: Column to value as it can be written in JSON; what was read of the row.
    """

    row: int
    field: str
    reason: BadReason
    expected: str
    values: dict[str, Any]

    @property
    def value(self) -> Any:
        """The wrong value; None if it is missing."""
        return self.values.get(self.field)


@dataclass(frozen=True, kw_only=True, slots=True)
class InputBatch:
    """Some rows of one file, in its order.

    Attributes:
        rows: int64 [rows]. Their numbers, from 1.
        columns: Column to a pyarrow array [rows]; null is missing. Text of a CSV is
            binary and not yet checked.
        rejected: Rows that the reader could not read at all; not in `rows`.
    """

    rows: npt.NDArray[np.int64]
    columns: dict[str, Any]
    rejected: tuple[BadRow, ...] = field(default=())


def plain_value(value: Any) -> Any:
    """Returns a value as JSON can have it; bytes that are no UTF-8 are escaped."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, float) and value != value:  # noqa: PLR0124 - NaN
        return None
    if isinstance(value, (bool, int, str)) or value is None:
        return value
    if isinstance(value, float):
        return value if abs(value) < float("inf") else str(value)
    return str(value)


def is_text(kind: Any) -> bool:
    """Tells whether a pyarrow type holds text; dictionaries count by their values."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
    )


def is_number(kind: Any) -> bool:
    """Tells whether a pyarrow type holds numbers; truth values and times are none."""
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
    )


def even_batches(tables: Iterator[Any], batch_rows: int) -> Iterator[Any]:
    """Cuts tables of any sizes into tables of batch_rows rows; the last may be shorter.

    Args:
        tables: pyarrow tables of the same columns.
        batch_rows: Rows of a batch, at least 1.
    """
    waiting = None
    for table in tables:
        waiting = table if waiting is None else pa.concat_tables([waiting, table])
        start = 0
        while waiting.num_rows - start >= batch_rows:
            yield waiting.slice(start, batch_rows)
            start += batch_rows
        waiting = waiting.slice(start)
    if waiting is not None and waiting.num_rows:
        yield waiting


def plain_column(column: Any) -> Any:
    """Returns a table's column as one array."""
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)

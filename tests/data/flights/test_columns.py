"""columns.py, README.md and the rows of 2013 say the same."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import data.flights
from data.flights.columns import COLUMNS, LABEL, LEAK_COLUMNS, Column, arrow_schema

README = Path(data.flights.__file__).with_name("README.md")


def readme_row(column: Column) -> str:
    """The line of README.md for a column; paste it there after a change."""
    written = '""' if column.missing_value == "" else "NaN"
    missing = f"{column.missing_fraction:.2%}".replace("%", f" %; null, {written}")
    cells = (
        f"`{column.name}`",
        column.dtype,
        column.role.replace("_", " "),
        column.meaning,
        column.unit,
        column.range,
        missing if column.missing_fraction else "never",
    )
    return "| " + " | ".join(cells) + " |"


def observed_range(values: pa.ChunkedArray) -> str:
    if pa.types.is_string(values.type):
        return f"{pc.count_distinct(values).as_py()} values"
    first, last = pc.min_max(values).as_py().values()
    if pa.types.is_timestamp(values.type):
        return f"{first:%Y-%m-%dT%H:%M:%SZ} to {last:%Y-%m-%dT%H:%M:%SZ}"
    return f"{first:.6g} to {last:.6g}"


def test_readme_lists_every_column_in_order():
    lines = README.read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| `flight_id`"))

    assert lines[start : start + len(COLUMNS) + 1] == [*map(readme_row, COLUMNS), ""]


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_documented_range_and_missing_share_hold(flights_table, column):
    values = flights_table[column.name]

    assert observed_range(values) == column.range
    assert round(values.null_count / len(values), 4) == column.missing_fraction


def test_no_leak_is_a_column():
    assert not {column.name for column in COLUMNS} & set(LEAK_COLUMNS)


def test_one_column_each_is_key_event_time_and_label():
    roles = [column.role for column in COLUMNS]

    assert [roles.count(role) for role in ("key", "event_time", "label")] == [1, 1, 1]
    assert COLUMNS[-1].name == LABEL


def test_dtypes_are_written_as_arrow_writes_them():
    assert [str(field.type) for field in arrow_schema()] == [
        column.dtype.replace("float32", "float") for column in COLUMNS
    ]

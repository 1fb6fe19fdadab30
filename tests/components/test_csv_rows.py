"""Misfits in a CSV file are found by row, column and value, and only they."""

import numpy as np
import pyarrow as pa
import pytest

from components.columnar_example_gen import csv_rows
from components.columnar_example_gen.csv_rows import CsvFile, convert

NUMBERS = {"n": pa.int64(), "x": pa.float64()}


def read(tmp_path, text, declared=None):
    path = tmp_path / "rows.csv"
    path.write_text(text)
    file = CsvFile(path=str(path), span=3)
    return list(file.read(file.schema(NUMBERS if declared is None else declared)))


def good(chunks, name="n"):
    return [value for chunk in chunks for value in chunk.batch[name].to_pylist()]


def numbers(chunks):
    return np.concatenate([chunk.rows for chunk in chunks]).tolist()


def bad(chunks):
    rows = [row for chunk in chunks for row in chunk.bad]
    return [(row.row, row.column, row.value, row.reason) for row in rows]


def test_value_of_the_wrong_type_is_found_far_down(tmp_path, monkeypatch):
    # Small blocks: Arrow converts several before it meets the misfit.
    monkeypatch.setattr(csv_rows, "_BLOCK_BYTES", 512)
    lines = [f"{row},0.5" for row in range(1, 2001)]
    lines[1232] = "abc,0.5"
    chunks = read(tmp_path, "n,x\n" + "\n".join(lines) + "\n")

    assert bad(chunks) == [(1233, "n", "abc", "expected int64")]
    expected = [row for row in range(1, 2001) if row != 1233]
    assert good(chunks) == expected
    assert numbers(chunks) == expected


def test_misfit_in_the_first_row_is_found(tmp_path):
    chunks = read(tmp_path, "n,x\nmany,1\n2,two\n3,3\n")

    assert bad(chunks) == [
        (1, "n", "many", "expected int64"),
        (2, "x", "two", "expected double"),
    ]
    assert good(chunks) == [3]
    assert numbers(chunks) == [3]


def test_row_with_another_number_of_fields_is_found(tmp_path):
    chunks = read(tmp_path, "n,x\n1,1\n2\n3,3\n4,4,4\nfive,5\n6,6\n")

    assert bad(chunks) == [
        (2, "", "2", "expected 2 fields as in the header, not 1"),
        (4, "", "4,4,4", "expected 2 fields as in the header, not 3"),
        (5, "n", "five", "expected int64"),
    ]
    assert good(chunks) == [1, 3, 6]
    assert numbers(chunks) == [1, 3, 6]


def test_file_of_bad_rows_alone_has_no_good_one(tmp_path):
    chunks = read(tmp_path, "n,x\nx\ny\n")

    assert [row for row, *_ in bad(chunks)] == [1, 2]
    assert good(chunks) == []


def test_missing_values_spaces_and_quoted_newlines_are_no_misfits(tmp_path):
    text = 's,n,x\n"two\nlines",1,0.5\n, 2 ,\nNA,,x\n'
    chunks = read(tmp_path, text)

    assert good(chunks, "s") == ["two\nlines", None]
    assert good(chunks) == [1, 2]
    assert bad(chunks) == [(3, "x", "x", "expected double")]


@pytest.mark.parametrize(
    ("target", "text", "value"),
    [
        (pa.int64(), "-7", -7),
        (pa.float64(), "1e3", 1000.0),
        (pa.bool_(), "true", True),
        (pa.string(), " as it is ", " as it is "),
    ],
    ids=["int", "float", "bool", "text"],
)
def test_texts_are_converted(target, text, value):
    values, is_bad = convert(pa.array([text, None, text]), target)

    assert values.to_pylist() == [value, None, value]
    assert not is_bad.any()


def test_times_are_converted_with_their_zone():
    target = pa.timestamp("s", tz="UTC")
    values, is_bad = convert(pa.array(["2013-01-01T10:00:00Z", "soon"]), target)

    assert values.cast(pa.int64()).to_pylist() == [1357034400, None]
    assert is_bad.tolist() == [False, True]

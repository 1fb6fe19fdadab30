"""Columns lie beside Examples, and are those of these Examples or not found."""

import contextlib
import hashlib

import pyarrow as pa
import pytest

from data.column_file import BATCH_ROWS, ColumnFile, find_column_file, read_columns

EXAMPLES = b"what was written as Examples"


def _sha256(content=EXAMPLES):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def examples(tmp_path):
    path = tmp_path / "Split-train" / "data-00000-of-00001.gz"
    path.parent.mkdir()
    path.write_bytes(EXAMPLES)
    return path


def _write(examples, *columns):
    with ColumnFile(examples) as file:
        for each in columns:
            file.write(each)
        file.finish(_sha256())


def _left(examples):
    folder = examples.parent.parent / "columns"
    return [path for path in folder.rglob("*") if path.is_file()]


def test_batches_have_a_fixed_size_however_the_rows_came(examples):
    sizes = [1, BATCH_ROWS - 1, 3 * BATCH_ROWS + 5, 7]
    numbers = iter(range(sum(sizes)))
    parts = [pa.array([next(numbers) for _ in range(size)]) for size in sizes]

    _write(examples, *({"n": part} for part in parts))

    batches = list(read_columns(find_column_file(examples)))
    assert [batch.num_rows for batch in batches] == [BATCH_ROWS] * 4 + [12]
    assert pa.Table.from_batches(batches)["n"].to_pylist() == list(range(sum(sizes)))


def test_the_file_is_no_file_of_the_split_and_named_after_the_bytes(examples):
    _write(examples, {"n": pa.array([1])})

    (path,) = _left(examples)
    assert path.relative_to(examples.parent.parent).parent.as_posix() == (
        "columns/Split-train"
    )
    assert path.name == f"data-00000-of-00001.gz.{_sha256()[:16]}"
    assert list(examples.parent.iterdir()) == [examples]


def test_columns_of_other_examples_are_not_found(examples):
    _write(examples, {"n": pa.array([1])})
    assert find_column_file(examples) is not None

    examples.write_bytes(EXAMPLES.replace(b"w", b"W", 1))

    assert find_column_file(examples) is None


def test_examples_without_columns_have_none(examples):
    assert find_column_file(examples) is None


def test_without_rows_there_is_no_file(examples):
    _write(examples)
    _write(examples, {"n": pa.array([], pa.int64())})
    assert _left(examples) == []
    assert find_column_file(examples) is None


def test_an_error_leaves_nothing(examples):
    with contextlib.suppress(KeyError), ColumnFile(examples) as file:
        file.write({"n": pa.array(range(BATCH_ROWS + 1))})
        assert len(_left(examples)) == 1
        raise KeyError
    assert _left(examples) == []


def test_a_second_attempt_replaces_the_first(examples):
    _write(examples, {"n": pa.array([1])})
    _write(examples, {"n": pa.array([2])})

    (path,) = _left(examples)
    assert [batch.to_pydict() for batch in read_columns(path)] == [{"n": [2]}]


def test_other_columns_than_before_are_refused(examples):
    with pytest.raises(pa.ArrowInvalid, match="Schema at index 1"):
        _write(examples, {"n": pa.array([1])}, {"n": pa.array(["1"])})
    assert _left(examples) == []

"""Rows come with their columns, from the column file or parsed: the same."""

import pyarrow as pa

from components.columnar_examples.batch_source import read_examples
from components.columnar_examples.encode import encode_batch
from components.columnar_examples.example_columns import example_columns
from components.columnar_examples.tfrecord import ShardFile
from data.column_file import BATCH_ROWS

NUM_ROWS = BATCH_ROWS + 5
HALF = BATCH_ROWS // 2


def _rows():
    return pa.record_batch(
        {
            "carrier": pa.array([("UA", "", "EV")[row % 3] for row in range(NUM_ROWS)]),
            "late": pa.array([row % 2 for row in range(NUM_ROWS)], pa.int64()),
            "hour": pa.array([row % 24 for row in range(NUM_ROWS)], pa.int64()),
        }
    )


def _write(folder, *, with_columns):
    path = folder / "Split-eval" / "data-00000-of-00001.gz"
    rows = _rows()
    with ShardFile(path) as shard:
        if with_columns:
            shard.write(encode_batch(rows), example_columns(rows))
        else:
            shard.write(encode_batch(rows))
    return str(path)


def test_the_column_file_gives_what_parsing_gives(tmp_path):
    names = ("carrier", "late")
    parsed = list(
        read_examples(_write(tmp_path / "a", with_columns=False), HALF, names)
    )
    read = list(read_examples(_write(tmp_path / "b", with_columns=True), HALF, names))

    assert [batch.num_rows for _, batch in read] == [HALF, HALF, 5]
    assert [batch.schema.names for _, batch in read] == [list(names)] * 3
    for (examples, columns), (again, expected) in zip(read, parsed, strict=True):
        assert examples.numpy().tolist() == again.numpy().tolist()
        assert columns.to_pylist() == expected.select(names).to_pylist()


def test_rows_without_any_of_the_columns_are_given_all_the_same(tmp_path):
    path = _write(tmp_path, with_columns=True)
    batches = [batch for _, batch in read_examples(path, HALF, ("no_such_column",))]
    assert [batch.num_rows for batch in batches] == [HALF, HALF, 5]

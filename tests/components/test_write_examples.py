"""Spans become the same Examples from CSV and from Parquet, run after run."""

from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from components.columnar_example_gen.source_files import check_columns, labelled_times
from components.columnar_example_gen.split_plan import plan_split
from components.columnar_example_gen.write_examples import (
    ExampleWriter,
    RowCounts,
    list_source_files,
    read_counts,
    write_examples,
)
from components.columnar_examples.split_files import list_split_files
from data.flights.source import prepare_sample
from pipeline.preflight import csv_kinds

pytestmark = pytest.mark.beam
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def parquet_base(tmp_path_factory):
    base = tmp_path_factory.mktemp("parquet")
    prepare_sample(base, 400, [1, 2])
    return base


@pytest.fixture(scope="module")
def csv_base(parquet_base, tmp_path_factory):
    base = tmp_path_factory.mktemp("csv")
    for path in sorted(parquet_base.glob("span-*/*.parquet")):
        folder = base / path.parent.name
        folder.mkdir()
        pyarrow.csv.write_csv(pq.read_table(path), folder / "rows.csv")
    return base


def write(base, output_uri, csv_kinds_by_name=None, **split):
    names = {
        int(folder.name.removeprefix("span-")): [
            path.name for path in folder.iterdir() if path.suffix != ".json"
        ]
        for folder in base.glob("span-*")
    }
    files = list(list_source_files(str(base), names, csv_kinds_by_name or {}))
    check_columns(files, ["flight_id", "event_time", "is_late"])
    writer = ExampleWriter(
        output_uri=str(output_uri),
        plan=plan_split(
            {"by": "time", "eval_spans": None, "eval_fraction": None, **split},
            key="flight_id",
            event_time="event_time",
            times_by_span=labelled_times(files, "event_time", "is_late"),
        ),
        event_time="event_time",
        label="is_late",
        num_shards=len(files),
    )
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        write_examples(pipeline, files, writer)
    return read_counts(str(output_uri))


def examples(output_uri, split):
    files = list_split_files(str(output_uri), split)
    return [
        tf.train.Example.FromString(record.numpy())
        for record in tf.data.TFRecordDataset(files, compression_type="GZIP")
    ]


def test_csv_gives_the_examples_that_parquet_gives(parquet_base, csv_base, tmp_path):
    kinds = csv_kinds(ROOT / "data/flights/schema.pbtxt", leave_out=["event_time"])
    from_parquet = write(parquet_base, tmp_path / "a", eval_spans=1)
    from_csv = write(csv_base, tmp_path / "b", kinds, eval_spans=1)

    assert from_csv == from_parquet
    for split in ("train", "eval"):
        assert examples(tmp_path / "b", split) == examples(tmp_path / "a", split)


def test_rows_are_counted_and_unlabelled_ones_left_out(parquet_base, tmp_path):
    counts = write(parquet_base, tmp_path / "a", eval_spans=1)
    tables = [pq.read_table(path) for path in sorted(parquet_base.glob("*/*.parquet"))]
    missing = [table["is_late"].null_count for table in tables]

    assert (counts.rows, counts.unlabelled) == (800, sum(missing))
    assert (counts.train, counts.eval) == (400 - missing[0], 400 - missing[1])
    assert counts.train_last_s < counts.eval_first_s
    for split, expected in (("train", counts.train), ("eval", counts.eval)):
        found = examples(tmp_path / "a", split)
        assert len(found) == expected
        assert all(row.features.feature["is_late"].int64_list.value for row in found)


def test_hash_split_divides_all_times(parquet_base, tmp_path):
    counts = write(parquet_base, tmp_path / "a", by="hash", eval_fraction=0.5)
    assert counts.train_last_s > counts.eval_first_s


def test_same_files_give_the_same_shards(parquet_base, tmp_path):
    # Not the same bytes: a tf.Example holds its features in any order.
    for name in ("a", "b"):
        write(parquet_base, tmp_path / name, eval_fraction=0.3)
    for split in ("train", "eval"):
        files = [
            [Path(path).name for path in list_split_files(tmp_path / name, split)]
            for name in ("a", "b")
        ]
        assert files[0] == files[1]
        assert examples(tmp_path / "a", split) == examples(tmp_path / "b", split)


def test_counts_add_up_in_any_order():
    first = RowCounts(rows=3, unlabelled=1, train=2, train_last_s=5)
    second = RowCounts(rows=2, eval=2, eval_first_s=9)

    assert first.plus(second) == second.plus(first)
    assert first.plus(second) == RowCounts(
        rows=5, unlabelled=1, train=2, eval=2, train_last_s=5, eval_first_s=9
    )
    assert first.plus(RowCounts()) == first


def test_empty_table_of_a_span_is_no_error(tmp_path, parquet_base):
    base = tmp_path / "spans"
    for name in ("span-1", "span-2"):
        (base / name).mkdir(parents=True)
    source = next(parquet_base.glob("span-1/*.parquet"))
    table = pq.read_table(source)
    pq.write_table(table, base / "span-1" / "rows.parquet")
    pq.write_table(
        pa.Table.from_batches([], table.schema), base / "span-2" / "rows.parquet"
    )
    counts = write(base, tmp_path / "a", eval_fraction=0.3)
    assert counts.rows == 400

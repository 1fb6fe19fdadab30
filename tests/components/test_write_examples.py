"""Spans become the same Examples from CSV and from Parquet, run after run."""

import json
import shutil
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from tfx.components.example_gen.csv_example_gen.executor import _CsvToExample

from components.columnar_example_gen.bad_rows import BadRowRule
from components.columnar_example_gen.read_plan import (
    check_files,
    event_times,
    verify_spans,
)
from components.columnar_example_gen.row_reader import (
    list_fragments,
    reader_from_settings,
)
from components.columnar_example_gen.split_plan import plan_split
from components.columnar_example_gen.write_examples import (
    ExampleWriter,
    RowCounts,
    read_counts,
    write_examples,
)
from components.columnar_examples.encode import encode_batch
from components.columnar_examples.split_files import list_split_files
from data.flights.source import prepare_sample
from data.spans import SpanLayout, list_spans
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


def write(base, output_uri, kinds=None, reading=None, rows=65_536, **split):
    """Runs the component's own steps, with FnApiRunner."""
    settings = {"by": "time", "eval_spans": None, "eval_fraction": None, **split}
    verified = verify_spans(base, list_spans(base), SpanLayout(), kinds or {})
    required = ["flight_id", "event_time"]
    reader = reader_from_settings(reading or {}, label="is_late", required=required)
    check_files(verified.files, reader, [*required, "is_late"])
    fragments = list_fragments(verified.files, rows)
    times = event_times(fragments, reader, "event_time", settings, verified.times)
    writer = ExampleWriter(
        output_uri=str(output_uri),
        reader=reader,
        plan=plan_split(
            settings, key="flight_id", event_time="event_time", times_by_span=times
        ),
        bad_rows=BadRowRule.from_settings(reading or {}),
        event_time="event_time",
        num_shards=len(fragments),
    )
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        write_examples(pipeline, fragments, writer)
    return read_counts(str(output_uri))


def shards(output_uri):
    """Returns the bytes of every shard by its name."""
    return {
        path.relative_to(output_uri).as_posix(): path.read_bytes()
        for path in sorted(Path(output_uri).glob("Split-*/*"))
    }


def examples(output_uri, split):
    files = list_split_files(str(output_uri), split)
    return [
        tf.train.Example.FromString(record.numpy())
        for record in tf.data.TFRecordDataset(files, compression_type="GZIP")
    ]


def test_csv_gives_the_bytes_that_parquet_gives(parquet_base, csv_base, tmp_path):
    kinds = csv_kinds(ROOT / "data/flights/schema.pbtxt", leave_out=["event_time"])
    from_parquet = write(parquet_base, tmp_path / "a", eval_spans=1)
    from_csv = write(csv_base, tmp_path / "b", kinds, eval_spans=1)

    assert from_csv == from_parquet
    assert shards(tmp_path / "b") == shards(tmp_path / "a")


def test_large_file_is_spread_by_row_groups_and_gives_the_same_rows(
    parquet_base, tmp_path
):
    folder = tmp_path / "spans" / "span-1"
    folder.mkdir(parents=True)
    tables = [pq.read_table(path) for path in sorted(parquet_base.glob("*/*.parquet"))]
    pq.write_table(pa.concat_tables(tables), folder / "a.parquet", row_group_size=50)

    whole = write(tmp_path / "spans", tmp_path / "whole", eval_fraction=0.3)
    parts = write(tmp_path / "spans", tmp_path / "parts", rows=100, eval_fraction=0.3)

    assert parts == whole
    assert len(list_split_files(str(tmp_path / "parts"), "train")) == 8
    for split in ("train", "eval"):
        assert examples(tmp_path / "parts", split) == examples(
            tmp_path / "whole", split
        )


def test_filter_and_projection_leave_rows_and_columns_out(parquet_base, tmp_path):
    table = pa.concat_tables(
        pq.read_table(path) for path in sorted(parquet_base.glob("*/*.parquet"))
    )
    far = pc.greater(table["distance_miles"], 1000)
    reading = {
        "where": [["distance_miles", ">", 1000], ["origin", "in", ["JFK", "EWR"]]],
        "exclude_columns": ["distance_miles"],
    }
    left = table.filter(
        pc.and_(far, pc.is_in(table["origin"], pa.array(["JFK", "EWR"])))
    )

    counts = write(parquet_base, tmp_path / "a", reading=reading, eval_fraction=0.3)

    assert counts.filtered == 800 - left.num_rows
    assert counts.train + counts.eval == left.num_rows - left["is_late"].null_count
    found = [row.features.feature for row in examples(tmp_path / "a", "train")]
    assert all("distance_miles" not in row for row in found)
    assert {row["origin"].bytes_list.value[0] for row in found} == {b"JFK", b"EWR"}


def test_bad_rows_are_set_aside_with_file_row_column_and_value(csv_base, tmp_path):
    base = tmp_path / "spans"
    shutil.copytree(csv_base, base)
    lines = (base / "span-2/rows.csv").read_text().splitlines()
    names = lines[0].replace('"', "").split(",")
    lines[7] = replaced(lines[7], names.index("plane_year"), "abc")
    lines[9] = replaced(lines[9], names.index("event_time"), "")
    (base / "span-2/rows.csv").write_text("\n".join(lines) + "\n")
    kinds = csv_kinds(ROOT / "data/flights/schema.pbtxt", leave_out=["event_time"])

    counts = write(
        base,
        tmp_path / "a",
        kinds,
        reading={"on_bad_rows": "quarantine"},
        eval_fraction=0.3,
    )

    assert (counts.rows, counts.quarantined) == (800, 2)
    assert counts.train + counts.eval + counts.unlabelled == 798
    (path,) = (tmp_path / "a/quarantine").iterdir()
    written = [json.loads(line) for line in path.read_text().splitlines()]
    assert written == [
        {
            "file": "rows.csv",
            "span": 2,
            "row": 7,
            "column": "plane_year",
            "value": "abc",
            "reason": "expected int64",
        },
        {
            "file": "rows.csv",
            "span": 2,
            "row": 9,
            "column": "event_time",
            "value": None,
            "reason": "expected a value",
        },
    ]
    assert [row.row for row in counts.bad] == [7, 9]


def replaced(line, column, value):
    fields = line.split(",")
    fields[column] = value
    return ",".join(fields)


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


def test_same_files_give_the_same_bytes(parquet_base, tmp_path):
    for name in ("a", "b"):
        write(parquet_base, tmp_path / name, eval_fraction=0.3)

    assert shards(tmp_path / "a") == shards(tmp_path / "b")
    assert len(shards(tmp_path / "a")) == 4


def test_examples_are_those_of_csv_example_gen(parquet_base, tmp_path):
    # The stock component infers types: a column of whole numbers is int, so only
    # columns that both take for the same kind are written.
    kept = ["flight_id", "event_s", "carrier", "origin", "dest", "month", "temp_f"]
    table = pq.read_table(next(parquet_base.glob("span-1/*.parquet")))
    table = table.append_column(
        "event_s",
        pc.cast(table["event_time"].cast(pa.timestamp("s", tz="UTC")), pa.int64()),
    )
    table = table.select(kept)
    # Arrow would put the names in quotation marks, which the stock component keeps.
    table.to_pandas().to_csv(tmp_path / "rows.csv", index=False)
    stock = str(tmp_path / "stock")
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        _ = (
            pipeline
            | _CsvToExample(
                exec_properties={"input_base": str(tmp_path)}, split_pattern="rows.csv"
            )
            | beam.Map(lambda example: example.SerializeToString())
            | beam.io.WriteToTFRecord(stock, num_shards=1, shard_name_template="")
        )
    theirs = [
        tf.train.Example.FromString(record.numpy())
        for record in tf.data.TFRecordDataset(stock)
    ]
    (batch,) = table.combine_chunks().to_batches()
    own = [tf.train.Example.FromString(row) for row in encode_batch(batch).to_pylist()]

    def by_key(rows):
        return {values["flight_id"][0]: values for values in map(values_of, rows)}

    assert len(theirs) == 400
    assert by_key(own) == by_key(theirs)


def values_of(row):
    """Returns feature to kind and values; a missing one, however written, to ()."""
    found = {}
    for name, feature in row.features.feature.items():
        kind = feature.WhichOneof("kind")
        values = tuple(getattr(feature, kind).value) if kind else ()
        found[name] = (*values, kind) if values else ()
    return found


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

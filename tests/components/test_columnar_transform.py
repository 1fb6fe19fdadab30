"""Statistics and transformed rows are the stock libraries', however many workers."""

import json
import subprocess
import sys
from pathlib import Path

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
import tensorflow_transform.beam as tft_beam
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2
from tensorflow_transform import TFTransformOutput
from tfx_bsl.tfxio.tf_example_record import TFExampleRecord

from components.columnar_transform.transform_file import (
    LearnedTransform,
    transform_file,
)
from models.flights.preprocessing import preprocessing_fn
from tests.components.columnar_run import (
    NUM_ROWS,
    SCHEMA_FILE,
    run_both,
    write_examples,
)

pytestmark = pytest.mark.beam


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    return write_examples(tmp_path_factory.mktemp("examples"))


@pytest.fixture(scope="module")
def alone(examples, tmp_path_factory):
    """The artifacts as this process makes them, without workers."""
    out = tmp_path_factory.mktemp("alone")
    run_both(examples, out)
    return out


@pytest.fixture(scope="module")
def with_workers(examples, tmp_path_factory):
    """The same, made with two forked workers."""
    out = tmp_path_factory.mktemp("workers")
    command = [sys.executable, "-m", "tests.components.columnar_run"]
    done = subprocess.run(
        [*command, str(examples), str(out), "--file_workers=2"],
        stderr=subprocess.PIPE,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "with 1 process instead" not in done.stderr
    return out


def stock_source(examples, split, schema=None):
    files = str(examples / f"Split-{split}" / "data-*")
    return TFExampleRecord(files, schema=schema, telemetry_descriptors=["test"])


def raw_schema():
    return text_format.Parse(SCHEMA_FILE.read_text(), schema_pb2.Schema())


def features_of(path):
    found = statistics_pb2.DatasetFeatureStatisticsList.FromString(path.read_bytes())
    (dataset,) = found.datasets
    return dataset.num_examples, {f.path.step[0]: f for f in dataset.features}


def test_statistics_equal_those_of_tfdv(examples, alone, tmp_path):
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        _ = (
            pipeline
            | stock_source(examples, "train").BeamSource()
            | tfdv.GenerateStatistics(tfdv.StatsOptions())
            | tfdv.WriteStatisticsToBinaryFile(str(tmp_path / "stock.pb"))
        )

    ours = features_of(alone / "statistics" / "Split-train" / "FeatureStats.pb")
    stock = features_of(tmp_path / "stock.pb")

    assert ours[0] == stock[0] == NUM_ROWS
    assert ours[1].keys() == stock[1].keys()
    for name, expected in stock[1].items():
        assert_equal(ours[1][name], expected)


def assert_equal(found, expected):
    assert found.type == expected.type
    kind = expected.WhichOneof("stats")
    found, expected = getattr(found, kind), getattr(expected, kind)
    assert found.common_stats == expected.common_stats
    if kind == "string_stats":
        assert found == expected
        return
    for field in ("min", "max", "num_zeros"):
        assert getattr(found, field) == getattr(expected, field)
    # Sums of batches of another size: the last bits differ.
    assert found.mean == pytest.approx(expected.mean, rel=1e-9)
    assert found.std_dev == pytest.approx(expected.std_dev, rel=1e-9)
    assert found.median == pytest.approx(expected.median, rel=1e-9)
    for ours, theirs in zip(found.histograms, expected.histograms, strict=True):
        assert ours.type == theirs.type
        for field in ("low_value", "high_value", "sample_count"):
            assert [getattr(bucket, field) for bucket in ours.buckets] == (
                pytest.approx([getattr(bucket, field) for bucket in theirs.buckets])
            )


def test_statistics_are_the_same_to_the_last_bit_with_workers(alone, with_workers):
    for split in ("train", "eval"):
        path = Path("statistics") / f"Split-{split}" / "FeatureStats.pb"
        assert (with_workers / path).read_bytes() == (alone / path).read_bytes()


def read_rows(folder):
    """Each file's rows, by the file's name."""
    return {
        path.name: [
            {
                name: (list(f.float_list.value), list(f.int64_list.value))
                for name, f in tf.train.Example.FromString(
                    record.numpy()
                ).features.feature.items()
            }
            for record in tf.data.TFRecordDataset(str(path), "GZIP")
        ]
        for path in sorted(folder.iterdir())
    }


@pytest.fixture(scope="module")
def rows_alone(alone):
    return read_rows(alone / "transformed" / "Split-train")


def test_each_file_of_rows_becomes_one_file_in_order(alone, rows_alone):
    assert {name: len(rows) for name, rows in rows_alone.items()} == {
        f"transformed-data-{index:05d}.gz": 800 for index in range(3)
    }
    assert list(read_rows(alone / "transformed" / "Split-eval")) == [
        "transformed-data-00003.gz"
    ]


def test_rows_and_constants_are_the_same_with_workers(alone, with_workers, rows_alone):
    assert read_rows(with_workers / "transformed" / "Split-train") == rows_alone
    vocabulary = Path("graph") / "transform_fn" / "assets" / "categories"
    assert (with_workers / vocabulary).read_bytes() == (alone / vocabulary).read_bytes()


def test_rows_equal_those_of_stock_tensorflow_transform(
    examples, alone, rows_alone, tmp_path_factory
):
    folder = tmp_path_factory.mktemp("stock")
    source = stock_source(examples, "train", raw_schema())
    with (
        beam.Pipeline(runner=FnApiRunner()) as pipeline,
        tft_beam.Context(temp_dir=str(folder / "temporary")),
    ):
        data = (pipeline | source.BeamSource(), source.TensorAdapterConfig())
        (transformed, _), transform_fn = data | tft_beam.AnalyzeAndTransformDataset(
            preprocessing_fn, output_record_batches=True
        )
        _ = transform_fn | tft_beam.WriteTransformFn(str(folder))
        _ = (
            transformed
            | beam.FlatMap(lambda pair: pair[0].to_pylist())
            | beam.Map(json.dumps)
            | beam.io.WriteToText(str(folder / "rows"), num_shards=1)
        )
    (path,) = folder.glob("rows*")
    stock = [json.loads(line) for line in path.read_text().splitlines()]
    ours = [row for rows in rows_alone.values() for row in rows]

    assert len(ours) == len(stock) == NUM_ROWS
    # TFT sums in float32, batch by batch, and the stock batches are smaller; indices
    # and buckets are whole numbers, so equal.
    np.testing.assert_allclose(
        sorted_matrix(ours_values(ours)),
        sorted_matrix(stock_values(stock)),
        rtol=0,
        atol=5e-5,
    )
    assert vocabulary(folder) == vocabulary(alone / "graph")


def vocabulary(graph_folder):
    return TFTransformOutput(str(graph_folder)).vocabulary_by_name("categories")


def ours_values(rows):
    return [[(f or i)[0] for _, (f, i) in sorted(row.items())] for row in rows]


def stock_values(rows):
    return [[values[0] for _, values in sorted(row.items())] for row in rows]


def sorted_matrix(rows):
    """The stock source gives rows in no fixed order."""
    matrix = np.array(rows, dtype=np.float64)
    return matrix[np.lexsort(np.round(matrix, 3).T)]


def test_file_whose_rows_cannot_be_read_leaves_nothing(alone, examples, tmp_path):
    whole = (examples / "Split-train" / "data-00001.gz").read_bytes()
    (tmp_path / "torn.gz").write_bytes(whole[: len(whole) // 2])
    learned = LearnedTransform(str(alone / "graph"), raw_schema().SerializeToString())

    with pytest.raises(tf.errors.OpError):
        transform_file(str(tmp_path / "torn.gz"), learned, str(tmp_path / "out"))

    assert list((tmp_path / "out").glob("*")) == []

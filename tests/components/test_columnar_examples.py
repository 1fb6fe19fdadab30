"""Batched reading gives what TFX's own source gives, and shards appear whole."""

import apache_beam as beam
import pyarrow as pa
import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx_bsl.tfxio.tf_example_record import TFExampleRecord

from components.columnar_example_gen.encode import encode_batch
from components.columnar_examples.batch_source import BatchedExamples, read_batches
from components.columnar_examples.shard_writer import ShardWriter
from components.columnar_examples.split_files import list_split_files
from data.flights.source import load_table, slice_evenly

pytestmark = pytest.mark.beam


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """2,000 real flights in two files."""
    folder = tmp_path_factory.mktemp("examples") / "Split-train"
    table = slice_evenly(load_table(), 2000)
    for index in range(2):
        part = table.slice(index * 1000, 1000).combine_chunks().to_batches()[0]
        with ShardWriter(folder / f"data-{index:05d}-of-00002.gz") as shard:
            shard.write(encode_batch(part))
    return folder


def test_rows_come_in_file_order_in_batches_of_a_fixed_size(shards):
    path = sorted(shards.iterdir())[0]
    sizes = [batch.num_rows for batch in read_batches(str(path), batch_rows=300)]
    whole = pa.Table.from_batches(read_batches(str(path)))

    assert sizes == [300, 300, 300, 100]
    first = load_table()["flight_id"][0].as_py().encode()
    assert whole["flight_id"][0].as_py() == [first]


def statistics(source, path):
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        _ = (
            pipeline
            | source
            | tfdv.GenerateStatistics(tfdv.StatsOptions())
            | tfdv.WriteStatisticsToBinaryFile(str(path))
        )
    found = statistics_pb2.DatasetFeatureStatisticsList.FromString(path.read_bytes())
    (dataset,) = found.datasets
    return {feature.path.step[0]: feature for feature in dataset.features}


def test_statistics_equal_those_of_the_stock_source(shards, tmp_path):
    files = list_split_files(str(shards.parent), "train")
    stock = TFExampleRecord(files, telemetry_descriptors=["test"]).BeamSource()

    ours = statistics(BatchedExamples(files).BeamSource(), tmp_path / "ours.pb")
    theirs = statistics(stock, tmp_path / "theirs.pb")

    assert ours.keys() == theirs.keys()
    for name, feature in theirs.items():
        found = ours[name]
        assert found.type == feature.type
        kind = feature.WhichOneof("stats")
        assert getattr(found, kind).common_stats.num_non_missing == (
            getattr(feature, kind).common_stats.num_non_missing
        )
        if kind == "num_stats":
            assert found.num_stats.min == feature.num_stats.min
            assert found.num_stats.max == feature.num_stats.max
            assert found.num_stats.mean == pytest.approx(feature.num_stats.mean, 1e-9)
        else:
            assert found.string_stats.unique == feature.string_stats.unique
            assert found.string_stats.rank_histogram == (
                feature.string_stats.rank_histogram
            )


def test_statistics_are_identical_to_the_last_bit_when_repeated(shards, tmp_path):
    files = list_split_files(str(shards.parent), "train")
    for name in ("first.pb", "second.pb"):
        statistics(BatchedExamples(files).BeamSource(), tmp_path / name)
    assert (tmp_path / "first.pb").read_bytes() == (tmp_path / "second.pb").read_bytes()


def test_shard_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "Split-x" / "data.gz"

    def records():
        yield b"one"
        raise RuntimeError("half")

    with pytest.raises(RuntimeError, match="half"), ShardWriter(path) as shard:
        shard.write(records())
    assert list(path.parent.iterdir()) == []

    with ShardWriter(path) as shard:
        shard.write([b"one", b"two"])
        assert not path.exists()
    records = tf.data.TFRecordDataset(str(path), compression_type="GZIP")
    assert [record.numpy() for record in records] == [b"one", b"two"]


def test_files_being_written_do_not_count(tmp_path):
    (tmp_path / "Split-train").mkdir()
    for name in (".data.gz.abc", "b.gz", "a.gz"):
        (tmp_path / "Split-train" / name).touch()

    found = list_split_files(str(tmp_path), "train")

    assert [path.rpartition("/")[2] for path in found] == ["a.gz", "b.gz"]


def test_split_without_a_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"split 'eval' of .* has no file"):
        list_split_files(str(tmp_path), "eval")

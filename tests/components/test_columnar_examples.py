"""Rows come in file order, a batch at a time."""

import pyarrow as pa
import pytest

from components.columnar_examples import batch_source
from components.columnar_examples.batch_source import read_batches
from components.columnar_examples.encode import encode_batch
from components.columnar_examples.split_files import list_split_files
from components.columnar_examples.tfrecord import ShardFile
from data.flights.source import load_table, slice_evenly

pytestmark = pytest.mark.beam


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """2,000 real flights in two files."""
    folder = tmp_path_factory.mktemp("examples") / "Split-train"
    table = slice_evenly(load_table(), 2000)
    for index in range(2):
        part = table.slice(index * 1000, 1000).combine_chunks().to_batches()[0]
        with ShardFile(folder / f"data-{index:05d}-of-00002.gz") as shard:
            shard.write(encode_batch(part))
    return folder


def test_rows_come_in_file_order_in_batches_of_a_fixed_size(shards, monkeypatch):
    path = sorted(shards.iterdir())[0]
    monkeypatch.setattr(batch_source, "BATCH_ROWS", 300)
    sizes = [batch.num_rows for batch in read_batches(str(path))]
    whole = pa.Table.from_batches(read_batches(str(path)))

    assert sizes == [300, 300, 300, 100]
    first = load_table()["flight_id"][0].as_py().encode()
    assert whole["flight_id"][0].as_py() == [first]


def test_files_being_written_do_not_count(tmp_path):
    (tmp_path / "Split-train").mkdir()
    for name in (".data.gz.abc", "b.gz", "a.gz"):
        (tmp_path / "Split-train" / name).touch()

    found = list_split_files(str(tmp_path), "train")

    assert [path.rpartition("/")[2] for path in found] == ["a.gz", "b.gz"]


def test_split_without_a_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"split 'eval' of .* has no file"):
        list_split_files(str(tmp_path), "eval")

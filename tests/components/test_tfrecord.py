"""What is written is what TensorFlow reads, byte for byte the same each time."""

import pyarrow as pa
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.columnar_examples.tfrecord import ShardFile, frame_records


def records_in(path, compression="GZIP"):
    return list(tf.data.TFRecordDataset(str(path), compression).as_numpy_iterator())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.lists(st.binary(max_size=300), max_size=20), st.integers(0, 5))
def test_framed_records_are_read_back(tmp_path, records, start):
    path = tmp_path / "records"
    path.write_bytes(frame_records(pa.array(records, pa.binary()).slice(start)))

    assert records_in(path, "") == records[start:]


def test_shard_is_read_back_and_the_same_bytes_each_time(tmp_path):
    for name in ("a.gz", "b.gz"):
        with ShardFile(tmp_path / "split" / name) as shard:
            shard.write(pa.array([b"one", b""]))
            shard.write(pa.array([b"two" * 1000]))

    assert records_in(tmp_path / "split/a.gz") == [b"one", b"", b"two" * 1000]
    written = [path.read_bytes() for path in sorted((tmp_path / "split").iterdir())]
    assert len(written) == 2
    assert written[0] == written[1]


def test_shard_without_records_is_an_empty_tfrecord(tmp_path):
    with ShardFile(tmp_path / "a.gz"):
        pass

    assert records_in(tmp_path / "a.gz") == []


def test_no_file_is_left_after_an_error(tmp_path):
    shard = ShardFile(tmp_path / "a.gz")
    shard.write(pa.array([b"one"]))
    shard.__exit__(KeyError, KeyError(), None)

    assert list(tmp_path.iterdir()) == []

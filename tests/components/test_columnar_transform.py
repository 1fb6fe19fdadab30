"""Transformed rows are written whole, under names that follow from their values."""

import pyarrow as pa
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.columnar_transform.write_transformed import WriteTransformed

SCHEMA = text_format.Parse(
    """
    feature { name: "a_xf" type: INT shape {} presence { min_fraction: 1 } }
    feature { name: "b_xf" type: FLOAT shape {} presence { min_fraction: 1 } }
    """,
    schema_pb2.Schema(),
)


def batch(a, b):
    return pa.RecordBatch.from_pydict(
        {
            "a_xf": pa.array([[value] for value in a], pa.list_(pa.int64())),
            "b_xf": pa.array([[value] for value in b], pa.list_(pa.float32())),
        }
    )


def write(folder, *batches):
    writer = WriteTransformed(folder)
    writer.start_bundle()
    for part in batches:
        writer.process((part, {}), SCHEMA)
    writer.finish_bundle()
    return sorted(path.name for path in folder.glob("*"))


def test_bundle_becomes_one_file_of_its_rows_in_order(tmp_path):
    (name,) = write(tmp_path / "x", batch([1, 2], [0.5, 1.5]), batch([3], [2.5]))

    records = tf.data.TFRecordDataset(str(tmp_path / "x" / name), "GZIP")
    rows = [tf.train.Example.FromString(record.numpy()) for record in records]
    assert [row.features.feature["a_xf"].int64_list.value[0] for row in rows] == [
        1,
        2,
        3,
    ]


def test_name_follows_from_the_values_alone(tmp_path):
    rows = batch([1, 2], [0.5, 1.5])
    first = write(tmp_path / "one", rows)

    assert write(tmp_path / "two", rows) == first
    assert write(tmp_path / "three", batch([1, 2], [0.5, 1.25])) != first
    # A retried bundle replaces its own file.
    assert write(tmp_path / "one", rows) == first


def test_bundle_without_rows_writes_nothing(tmp_path):
    assert write(tmp_path / "x") == []

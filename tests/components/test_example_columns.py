"""A column file gives what parsing the Examples gives, to the type."""

import math
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_metadata.proto.v0 import schema_pb2

from components.columnar_examples.batch_source import parsed_batches, read_batches
from components.columnar_examples.encode import encode_batch
from components.columnar_examples.example_columns import (
    decoded_batches,
    example_columns,
)
from components.columnar_examples.tfrecord import ShardFile

pytestmark = pytest.mark.beam

COLUMNS = {
    "whole": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "real": (pa.float64(), st.floats(width=32)),
    "text": (pa.string(), st.text(max_size=5)),
    "flag": (pa.bool_(), st.booleans()),
    "nothing": (pa.null(), st.none()),
    "small": (pa.int8(), st.integers(-128, 127)),
}
SCHEMA = schema_pb2.Schema(
    feature=[
        schema_pb2.Feature(name="text", type=schema_pb2.BYTES),
        schema_pb2.Feature(name="absent", type=schema_pb2.FLOAT),
        schema_pb2.Feature(name="real", type=schema_pb2.FLOAT),
        schema_pb2.Feature(name="absent_text", type=schema_pb2.BYTES),
        schema_pb2.Feature(name="whole", type=schema_pb2.INT),
    ]
).SerializeToString()
ROWS = st.lists(
    st.fixed_dictionaries(
        {name: st.none() | values for name, (_, values) in COLUMNS.items()}
    ),
    min_size=1,
    max_size=12,
)


def _batch(rows):
    return pa.record_batch(
        {
            name: pa.array([row[name] for row in rows], arrow_type)
            for name, (arrow_type, _) in COLUMNS.items()
        }
    )


def _write(folder, *batches):
    path = Path(folder) / "Split-train" / "data.gz"
    with ShardFile(path) as shard:
        for batch in batches:
            shard.write(encode_batch(batch), example_columns(batch))
    return str(path)


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_columns_are_what_the_decoder_makes_of_the_examples(rows):
    with tempfile.TemporaryDirectory() as folder:
        path = _write(folder, _batch(rows))
        for schema in (None, SCHEMA):
            (parsed,) = parsed_batches(path, schema)
            (decoded,) = decoded_batches(path, schema)
            assert decoded.schema.equals(parsed.schema)
            # NaN is no value of an Example, so that equals() may compare.
            assert decoded.equals(parsed)


def test_missing_values_are_those_of_the_examples(tmp_path):
    rows = [
        {"whole": 0, "real": math.nan, "text": "", "flag": False},
        {"whole": None, "real": -0.0, "text": "é", "flag": None},
    ]
    batch = _batch([{"nothing": None, "small": None, **row} for row in rows])

    (decoded,) = read_batches(_write(tmp_path, batch))

    assert decoded.to_pydict() == {
        "flag": [[0], None],
        "nothing": [None, None],
        "real": [None, [-0.0]],
        "small": [None, None],
        "text": [None, ["é".encode()]],
        "whole": [[0], None],
    }


def test_examples_that_were_changed_are_parsed_again(tmp_path):
    old = pa.record_batch({"n": pa.array([1, 2])})
    path = _write(tmp_path, old)
    with ShardFile(Path(path)) as shard:
        shard.write(encode_batch(pa.record_batch({"n": pa.array([3])})))

    assert decoded_batches(path, None) is None
    assert [batch.to_pydict() for batch in read_batches(path)] == [{"n": [[3]]}]


def test_a_schema_of_another_type_is_left_to_the_decoder(tmp_path):
    path = _write(tmp_path, pa.record_batch({"n": pa.array(["x"])}))
    schema = schema_pb2.Schema(
        feature=[schema_pb2.Feature(name="n", type=schema_pb2.INT)]
    ).SerializeToString()

    assert decoded_batches(path, schema) is None
    with pytest.raises(RuntimeError, match="expected int64_list, found bytes_list"):
        list(read_batches(path, schema))


def test_an_empty_shard_has_no_rows(tmp_path):
    assert list(read_batches(_write(tmp_path))) == []

"""Arrow rows become the tf.Examples that a person would write by hand."""

import datetime

import pyarrow as pa
import pytest
import tensorflow as tf

from components.columnar_example_gen.encode import encode_batch
from data.spans import DataContractError


def decoded(columns):
    batch = pa.RecordBatch.from_pydict(columns)
    examples = [tf.train.Example.FromString(row) for row in encode_batch(batch)]
    return [
        {
            name: list(getattr(feature, feature.WhichOneof("kind")).value)
            for name, feature in example.features.feature.items()
            if feature.WhichOneof("kind")
        }
        for example in examples
    ]


def test_values_of_every_type_are_stored_by_kind():
    noon = datetime.datetime(2013, 1, 1, 12, tzinfo=datetime.UTC)
    assert decoded(
        {
            "i": pa.array([7], pa.int16()),
            "f": pa.array([0.5], pa.float64()),
            "s": ["é"],
            "b": [True],
            "t": pa.array([noon], pa.timestamp("ms", tz="UTC")),
            "d": pa.array(["x"]).dictionary_encode(),
        }
    ) == [
        {
            "i": [7],
            "f": [0.5],
            "s": ["é".encode()],
            "b": [1],
            "t": [int(noon.timestamp())],
            "d": [b"x"],
        }
    ]


def test_null_nan_and_empty_text_are_absent():
    rows = decoded(
        {
            "i": [None, 1],
            "f": [float("nan"), None],
            "s": ["", None],
            "t": pa.array([None, 3], pa.timestamp("s", tz="UTC")),
        }
    )
    assert rows == [{}, {"i": [1], "t": [3]}]


def test_a_type_that_no_example_can_hold_is_refused():
    with pytest.raises(DataContractError, match=r"column 'l' has type list<.*>, which"):
        decoded({"l": [[1, 2]]})

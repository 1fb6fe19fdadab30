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


def test_slice_of_a_table_is_encoded_as_its_own_rows():
    # pyarrow 18's if_else gave invalid text arrays for slices.
    texts = [None if index % 7 == 0 else "x" * (index % 5) for index in range(100)]
    batch = pa.RecordBatch.from_pydict({"s": texts}).slice(50, 10)

    rows = [tf.train.Example.FromString(row) for row in encode_batch(batch)]

    assert [list(row.features.feature["s"].bytes_list.value) for row in rows] == [
        [text.encode()] if text else [] for text in texts[50:60]
    ]


def test_a_type_that_no_example_can_hold_is_refused():
    with pytest.raises(DataContractError, match=r"column 'l' has type list<.*>, which"):
        decoded({"l": [[1, 2]]})

"""Columns as tf.Examples, read back by TensorFlow."""

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from serving.bundle.contract import RawFeature
from serving.skew_proof.example_encoder import encode_examples

FEATURES = (
    RawFeature(name="miles", dtype="float32", example_type="FLOAT", missing="NaN"),
    RawFeature(name="month", dtype="float32", example_type="INT", missing="NaN"),
    RawFeature(name="carrier", dtype="string", example_type="BYTES", missing=""),
)


def read_back(encoded):
    held = []
    for text in encoded:
        features = tf.train.Example.FromString(text).features.feature
        held.append(
            {
                name: list(getattr(feature, feature.WhichOneof("kind")).value)
                for name, feature in features.items()
            }
        )
    return held


def encode(**columns):
    rows = len(next(iter(columns.values())))
    return encode_examples(columns, FEATURES, rows)


def test_every_value_comes_back():
    found = encode(
        miles=pa.array([2.5, -0.0, 3.4e38], pa.float32()),
        month=pa.array([1, -7, 2**62], pa.int64()),
        carrier=pa.array(["UA", "Zürich", "x" * 300]),
    )
    back = read_back(found)
    assert back[0] == {"miles": [2.5], "month": [1], "carrier": [b"UA"]}
    assert back[1]["carrier"] == ["Zürich".encode()]
    assert back[1]["month"] == [-7]
    assert str(back[1]["miles"][0]) == "-0.0"
    assert back[2]["carrier"] == [b"x" * 300]


def test_zero_and_minus_zero_stay_two_values():
    back = read_back(encode(miles=pa.array([0.0, -0.0], pa.float32())))
    assert [str(row["miles"][0]) for row in back] == ["0.0", "-0.0"]


def test_missing_values_are_absent():
    found = encode(
        miles=pa.array([None, np.nan], pa.float32(), from_pandas=False),
        month=pa.array([None, 3], pa.int64()),
        carrier=pa.array(["", None]),
    )
    assert read_back(found) == [{}, {"month": [3]}]


def test_a_number_of_a_whole_feature_is_cut_towards_zero_as_the_graph_does():
    back = read_back(encode(month=pa.array([5.9, -5.9, np.nan])))
    assert back == [{"month": [5]}, {"month": [-5]}, {}]


def test_text_may_be_dictionary_encoded():
    back = read_back(encode(carrier=pa.array(["UA", "", "UA"]).dictionary_encode()))
    assert back == [{"carrier": [b"UA"]}, {}, {"carrier": [b"UA"]}]


@pytest.mark.parametrize("rows", [0, 2])
def test_rows_without_any_column_are_empty_examples(rows):
    assert encode_examples({}, FEATURES, rows).tolist() == [b""] * rows

"""Arrow rows become the tf.Examples that a person would write by hand."""

import datetime

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from components.columnar_examples.encode import (
    as_example_values,
    encode_batch,
    encode_numbers,
)
from data.spans import DataContractError

Example = tf.train.Example


def decoded(columns):
    batch = pa.RecordBatch.from_pydict(columns)
    examples = [Example.FromString(row) for row in encode_batch(batch).to_pylist()]
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

    rows = [Example.FromString(row) for row in encode_batch(batch).to_pylist()]

    assert [list(row.features.feature["s"].bytes_list.value) for row in rows] == [
        [text.encode()] if text else [] for text in texts[50:60]
    ]


def lists_of_one(batch):
    """What tfx_bsl's encoder takes: a list a value, none for a missing one."""
    columns = [
        [
            None if value in (None, b"") or str(value) == "nan" else [value]
            for value in column
        ]
        for column in (
            as_example_values(batch[n], n).to_pylist() for n in batch.schema.names
        )
    ]
    return pa.RecordBatch.from_arrays(
        [
            pa.array(column, pa.list_(as_example_values(batch[name], name).type))
            for name, column in zip(batch.schema.names, columns, strict=True)
        ],
        names=batch.schema.names,
    )


INTEGERS = st.integers(-(2**63), 2**63 - 1)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "i": st.none() | INTEGERS,
            "f": st.none() | st.floats(width=32),
            "text" * 40: st.none() | st.text(max_size=300),
        }
    ),
    min_size=1,
    max_size=8,
)


@given(ROWS)
def test_examples_are_those_of_tfx_bsl(rows):
    schema = pa.schema(
        [("i", pa.int64()), ("f", pa.float32()), ("text" * 40, pa.string())]
    )
    batch = pa.RecordBatch.from_pylist(rows, schema)
    theirs = RecordBatchToExamplesEncoder().encode(lists_of_one(batch))

    for own, their in zip(encode_batch(batch).to_pylist(), theirs, strict=True):
        assert Example.FromString(own) == Example.FromString(their)


def test_equal_rows_are_equal_bytes_whatever_the_batch_and_the_columns_order():
    columns = {"b": [2.5, None, 2.5], "a": ["x", "y", "x"]}
    rows = encode_batch(pa.RecordBatch.from_pydict(columns)).to_pylist()
    turned = pa.RecordBatch.from_pydict(dict(reversed(columns.items()))).slice(2)

    assert rows[0] == rows[2] == encode_batch(turned).to_pylist()[0]


def test_number_that_no_int64_holds_is_refused():
    with pytest.raises(DataContractError, match=r"column 'n' of type uint64 holds"):
        decoded({"n": pa.array([2**63], pa.uint64())})


def test_a_type_that_no_example_can_hold_is_refused():
    with pytest.raises(DataContractError, match=r"column 'l' has type list<.*>, which"):
        decoded({"l": [[1, 2]]})


def test_numbers_keep_nan_as_a_value_and_are_the_same_bytes_each_time():
    columns = {
        "x_xf": pa.array([0.5, float("nan"), -0.0], pa.float32()),
        "n_xf": pa.array([0, -1, 2**62], pa.int64()),
    }
    rows = encode_numbers(columns, 3)
    spec = {
        "x_xf": tf.io.FixedLenFeature([], tf.float32),
        "n_xf": tf.io.FixedLenFeature([], tf.int64),
    }
    parsed = tf.io.parse_example(rows.to_pylist(), spec)

    np.testing.assert_array_equal(
        parsed["x_xf"].numpy().view(np.uint32),
        np.array([0.5, np.nan, -0.0], np.float32).view(np.uint32),
    )
    assert parsed["n_xf"].numpy().tolist() == [0, -1, 2**62]
    swapped = dict(reversed(columns.items()))
    assert encode_numbers(swapped, 3).equals(rows)

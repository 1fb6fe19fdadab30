"""Inputs of gRPC requests as packed rows: the same values, or not taken at all."""

import numpy as np
import pytest
import tensorflow as tf

from serving.server.grpc_rows import RowReader, RowReaders
from serving.server.grpc_tensors import arrays_from_protos
from tests.serving.server.fake_backend import (
    BOOL,
    FLOAT,
    INT64,
    STRING,
    make_signature,
)

UINT8 = 4
SIGNATURE = make_signature(
    {"x": FLOAT, "n": INT64, "word": STRING, "z": FLOAT, "b": BOOL}
)


def protos(**columns):
    dtypes = {"x": tf.float32, "z": tf.float32, "n": tf.int64, "word": tf.string}
    found = {}
    for name, values in columns.items():
        proto = tf.make_tensor_proto(values, dtypes.get(name, tf.bool))
        found[name] = as_fields(proto)
    return found


def as_fields(proto):
    """A tensor with its values in the typed field, however many they are."""
    array = tf.make_ndarray(proto)
    if proto.tensor_content:
        field = {1: "float_val", 9: "int64_val", 10: "bool_val"}[proto.dtype]
        proto.ClearField("tensor_content")
        getattr(proto, field).extend(array.ravel().tolist())
    return proto


def three_rows(**other):
    columns = {
        "x": [1.5, float("nan"), -2.0],
        "n": [1, 2, 3],
        "word": [b"a", b"", b"\xff"],
        "z": [0.0, 1.0, 2.0],
        "b": [True, False, True],
    }
    return protos(**(columns | other))


@pytest.mark.parametrize("num_rows", [1, 3])
def test_rows_are_those_that_are_read_one_by_one(num_rows):
    tensors = protos(
        **{
            name: tf.make_ndarray(proto)[:num_rows]
            for name, proto in three_rows().items()
        }
    )
    rows = RowReader(SIGNATURE).read(tensors)
    plain = arrays_from_protos(tensors)
    assert rows.num_rows == num_rows
    assert rows.layout.fits(SIGNATURE)
    assert rows.keys() == plain.keys()
    for name, values in plain.items():
        assert rows[name].dtype == values.dtype
        np.testing.assert_array_equal(rows[name], values)


def without(tensors, name):
    del tensors[name]
    return tensors


def content(tensors):
    tensors["x"] = tf.make_tensor_proto(np.array([1, 2, 3], np.float32))
    assert tensors["x"].tensor_content
    return tensors


def repeated(tensors):
    """One value stands for three in every input."""
    fields = {"x": "float_val", "z": "float_val", "n": "int64_val", "b": "bool_val"}
    for name, tensor in tensors.items():
        del getattr(tensor, fields.get(name, "string_val"))[1:]
    return tensors


def mislabelled(tensors):
    tensors["x"].dtype = tf.float64.as_datatype_enum
    return tensors


@pytest.mark.parametrize(
    "tensors",
    [
        without(three_rows(), "x"),
        without(three_rows(), "x") | {"y": three_rows()["x"]},
        three_rows() | {"y": three_rows()["x"]},
        content(three_rows()),
        repeated(three_rows()),
        mislabelled(three_rows()),
        three_rows(x=[[1.0], [2.0], [3.0]]),
        three_rows(x=1.0),
        three_rows(x=[1.0, 2.0]),
        three_rows() | {"x": three_rows()["n"]},
        {name: protos(**{name: []})[name] for name in three_rows()},
        {},
    ],
)  # fmt: skip
def test_what_is_not_plain_is_left_to_the_usual_reader(tensors):
    assert RowReader(SIGNATURE).read(tensors) is None


@pytest.mark.parametrize(
    "signature",
    [make_signature({"x": FLOAT}), make_signature({"x": FLOAT, "small": UINT8})],
)
def test_single_inputs_and_types_without_a_field_of_their_own_are_not_packed(signature):
    tensors = {"x": protos(x=[1.0])["x"]}
    if len(signature.inputs) > 1:
        tensors["small"] = tf.make_tensor_proto(np.array([1], np.uint8))
    assert RowReader(signature).read(tensors) is None


def test_reader_of_a_signature_is_made_once():
    readers = RowReaders()
    again = make_signature({"x": FLOAT, "z": FLOAT})
    assert readers.reader(SIGNATURE) is readers.reader(SIGNATURE)
    assert readers.reader(again) is not readers.reader(SIGNATURE)

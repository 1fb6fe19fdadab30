"""TensorProto to numpy and back, beside what TensorFlow makes of it."""

import numpy as np
import pytest
import tensorflow as tf

from serving.server.grpc_tensors import array_from_proto, fill_proto
from serving.server.status import ServingError


@pytest.mark.parametrize(
    "values",
    [
        np.array([[1.5, -2.0]], np.float32),
        np.array([1e300, np.nan]),
        np.array([[1], [-2]], np.int32),
        np.array([2**40, -1], np.int64),
        np.array([2**63], np.uint64),
        np.array([2**31], np.uint32),
        np.array([1, 255], np.uint8),
        np.array([-3], np.int8),
        np.array([-3], np.int16),
        np.array([3], np.uint16),
        np.array([True, False]),
        np.array([b"a", b"\xff"], object),
        np.array(7, np.float32),
        np.zeros((0, 3), np.float32),
        np.array([1 + 2j], np.complex64),
        np.array([1.5], np.float16),
    ],
    ids=str,
)
@pytest.mark.parametrize("as_content", [False, True])
def test_tensors_both_ways_as_tensorflow_does(values, as_content):
    from tensorflow.core.framework import tensor_pb2

    written = tensor_pb2.TensorProto()
    fill_proto(written, values, as_content=as_content)
    assert np.array_equal(
        tf.make_ndarray(written), values, equal_nan=values.dtype != "O"
    )
    read = array_from_proto(written)
    assert read.dtype == values.dtype
    assert read.shape == values.shape
    assert np.array_equal(read, values, equal_nan=values.dtype != object)
    theirs = array_from_proto(tf.make_tensor_proto(values))
    assert np.array_equal(theirs, values, equal_nan=values.dtype != object)


def test_last_value_is_repeated():
    proto = tf.make_tensor_proto(0.0, tf.float32, [2, 3])
    del proto.float_val[:]
    assert array_from_proto(proto).tolist() == [[0] * 3] * 2
    proto.float_val.extend([1, 7])
    assert array_from_proto(proto).tolist() == [[1, 7, 7], [7, 7, 7]]


@pytest.mark.parametrize(
    "change",
    [
        lambda proto: proto.tensor_shape.dim.add(size=-2),
        lambda proto: proto.float_val.extend([1] * 9),
        lambda proto: setattr(proto, "tensor_content", b"12345"),
        lambda proto: setattr(proto, "dtype", 999),
        lambda proto: setattr(proto, "dtype", 0),
        lambda proto: proto.tensor_shape.dim.add(size=1 << 40),
        lambda proto: setattr(proto.tensor_shape, "unknown_rank", True),
    ],
)
def test_tensors_that_contradict_themselves_are_refused(change):
    proto = tf.make_tensor_proto([1.0, 2.0], tf.float32)
    proto.float_val.extend([1.0, 2.0])
    proto.ClearField("tensor_content")
    change(proto)
    with pytest.raises(ServingError, match="tensor parsing error"):
        array_from_proto(proto)

"""Our messages are TF Serving's, byte for byte, and live beside them in one process."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    predict_pb2,
    regression_pb2,
)

from serving.client import tensor_types
from serving.client.example_features import serialized_example
from serving.client.tensor_proto import fill_tensor, tensor_array
from serving.client.wire_messages import new_message, parse_message

THEIRS = [
    predict_pb2.PredictRequest,
    predict_pb2.PredictResponse,
    classification_pb2.ClassificationRequest,
    classification_pb2.ClassificationResponse,
    regression_pb2.RegressionRequest,
    regression_pb2.RegressionResponse,
    get_model_metadata_pb2.GetModelMetadataRequest,
    get_model_metadata_pb2.GetModelMetadataResponse,
    get_model_metadata_pb2.SignatureDefMap,
    get_model_status_pb2.GetModelStatusRequest,
    get_model_status_pb2.GetModelStatusResponse,
]
ENUM, INT32 = 14, 5
NUMBERS = [known for known in tensor_types.BY_NAME.values() if known.dtype != object]


@st.composite
def arrays(draw):
    """Arrays of every dtype, also empty ones and scalars."""
    known = draw(st.sampled_from(list(tensor_types.BY_NAME.values())))
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    if known.dtype == object:
        values = draw(
            st.lists(
                st.binary(max_size=8),
                min_size=int(np.prod(shape)),
                max_size=int(np.prod(shape)),
            )
        )
        made = np.empty(len(values), object)
        made[:] = values
        return made.reshape(shape)
    return draw(hnp.arrays(known.dtype, shape))


def same(one, other):
    assert one.dtype == other.dtype
    assert one.shape == other.shape
    # NaN's bits count too; of text, the bytes.
    assert one.dtype == object or one.tobytes() == other.tobytes()
    assert one.dtype != object or one.tolist() == other.tolist()


@pytest.mark.parametrize("theirs", THEIRS, ids=lambda theirs: theirs.DESCRIPTOR.name)
def test_fields_have_their_numbers_and_types(theirs):
    seen = set()

    def compare(ours, other):
        if ours.name in seen:
            return
        seen.add(ours.name)
        for field in ours.fields:
            twin = other.fields_by_name[field.name]
            assert field.number == twin.number, field.full_name
            kind = INT32 if twin.type == ENUM else twin.type
            assert field.type == kind, field.full_name
            assert field.is_repeated == twin.is_repeated, field.full_name
            assert field.is_packed == twin.is_packed, field.full_name
            if field.message_type is not None:
                compare(field.message_type, twin.message_type)

    compare(new_message(theirs.DESCRIPTOR.name).DESCRIPTOR, theirs.DESCRIPTOR)
    assert len(seen) > 1


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(st.text(max_size=5), arrays(), max_size=3),
    st.sampled_from([{}, {"version": 0}, {"version": 2**63 - 1}, {"label": "é"}]),
)
def test_requests_are_theirs_byte_for_byte(inputs, spec):
    ours, theirs = new_message("PredictRequest"), predict_pb2.PredictRequest()
    for request in (ours, theirs):
        request.model_spec.name = "flights"
        if "version" in spec:
            request.model_spec.version.value = spec["version"]
        if "label" in spec:
            request.model_spec.version_label = spec["label"]
    for name, values in inputs.items():
        fill_tensor(ours.inputs[name], values)
        _fill_theirs(theirs.inputs[name], values)
    encoded = ours.SerializeToString(deterministic=True)
    assert encoded == theirs.SerializeToString(deterministic=True)


def _fill_theirs(proto, values):
    known = tf.as_dtype(values.dtype)
    proto.dtype = known.as_datatype_enum
    proto.tensor_shape.CopyFrom(tf.TensorShape(values.shape).as_proto())
    if values.dtype == object:
        proto.string_val.extend(values.ravel().tolist())
    elif values.size:
        proto.tensor_content = values.tobytes()


@settings(max_examples=200, deadline=None)
@given(arrays())
def test_tensors_go_to_tensorflow_and_back(values):
    ours = new_message("TensorProto")
    fill_tensor(ours, values)
    theirs = tf.make_tensor_proto(0)
    theirs.ParseFromString(ours.SerializeToString())
    same(tf.make_ndarray(theirs), values)
    back = tf.make_tensor_proto(values, tf.as_dtype(values.dtype)).SerializeToString()
    same(tensor_array(parse_message("TensorProto", back)), values)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(NUMBERS), st.integers(0, 3), st.integers(1, 4), st.data())
def test_typed_fields_repeat_their_last_value(known, given_count, more, data):
    """What TensorFlow's own C++ makes of such a proto is the expectation."""
    values = data.draw(hnp.arrays(known.dtype, given_count))
    proto = tf.make_tensor_proto(0)
    proto.Clear()
    proto.dtype = known.number
    proto.tensor_shape.dim.add(size=given_count + more)
    if known.dtype.kind == "c":
        pairs = values.view(known.dtype.char.lower())
        getattr(proto, known.field).extend(pairs.tolist())
    elif known.name == "DT_HALF":
        proto.half_val.extend(values.view(np.uint16).astype(np.int32).tolist())
    else:
        getattr(proto, known.field).extend(values.tolist())
    ours = tensor_array(parse_message("TensorProto", proto.SerializeToString()))
    theirs = tf.io.parse_tensor(proto.SerializeToString(), tf.as_dtype(known.dtype))
    np.testing.assert_array_equal(ours, theirs.numpy())


def test_text_without_values_is_empty_text():
    proto = new_message("TensorProto")
    proto.dtype = 7
    proto.tensor_shape.dim.add(size=2)
    assert tensor_array(proto).tolist() == [b"", b""]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dtype": 14}, "dtype 14, which numpy has no type for"),
        ({"dtype": 1, "float_val": [1.0, 2.0, 3.0]}, r"shape \[2\] has 3 values"),
        ({"dtype": 1, "tensor_content": b"12345"}, "buffer"),
        ({"dtype": 1, "tensor_content": b"1234"}, "reshape"),
        ({"dtype": 7, "tensor_content": b"1"}, "text has tensor_content"),
    ],
    ids=["dtype", "too-many", "odd-bytes", "too-few-bytes", "text"],
)
def test_tensor_that_contradicts_itself_is_refused(change, message):
    proto = new_message("TensorProto")
    proto.tensor_shape.dim.add(size=2)
    for field, value in change.items():
        if isinstance(value, list):
            getattr(proto, field).extend(value)
        else:
            setattr(proto, field, value)
    with pytest.raises(ValueError, match=message):
        tensor_array(proto)


def test_unknown_shape_is_refused():
    proto = new_message("TensorProto")
    proto.dtype, proto.tensor_shape.unknown_rank = 1, True
    with pytest.raises(ValueError, match="not known"):
        tensor_array(proto)


def test_examples_are_tensorflows():
    features = {"carrier": "UA", "miles": [1.5, 2.0], "month": 5, "gust": None}
    theirs = tf.train.Example()
    theirs.features.feature["carrier"].bytes_list.value.append(b"UA")
    theirs.features.feature["miles"].float_list.value.extend([1.5, 2.0])
    theirs.features.feature["month"].int64_list.value.append(5)
    assert serialized_example(features) == theirs.SerializeToString(deterministic=True)


def test_bytes_that_are_no_message_are_refused():
    with pytest.raises(ValueError, match="no PredictResponse"):
        parse_message("PredictResponse", b"\xff\xff\xff")

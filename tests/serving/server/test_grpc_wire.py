"""Requests read from their bytes are those that protobuf reads, or left to it."""

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_serving.apis.predict_pb2 import PredictRequest

from serving.server import grpc_wire
from serving.server.grpc_rows import RowReader
from serving.server.grpc_tensors import arrays_from_protos
from serving.server.grpc_wire import PredictReader, WireLayout, WireRow
from tests.serving.server.fake_backend import FLOAT, INT64, STRING, make_signature

KINDS = {"x": FLOAT, "word": STRING, "z": FLOAT, "other": STRING, "": FLOAT}
SIGNATURE = make_signature(KINDS)
VALUES = {"x": 1.5, "word": b"one", "z": -0.0, "other": b"", "": 7.0}


def request(values=VALUES, **spec):
    message = PredictRequest()
    message.model_spec.name = "m"
    for name, value in spec.items():
        setattr(message.model_spec, name, value)
    for name, value in values.items():
        put(message, name, value)
    return message


def put(message, name, *values, sizes=(1,)):
    tensor = message.inputs[name]
    for size in sizes:
        tensor.tensor_shape.dim.add(size=size)
    if isinstance(values[0], bytes):
        tensor.dtype = 7
        tensor.string_val.extend(values)
    else:
        tensor.dtype = 1
        tensor.float_val.extend(values)
    return message


def encoded(message):
    return message.SerializeToString(deterministic=True)


def layout_of(message):
    return WireLayout.of(encoded(message), message)


def rows_by_protobuf(data):
    return arrays_from_protos(PredictRequest.FromString(data).inputs)


def assert_same(row, data):
    packed = RowReader(SIGNATURE).read_wire(row)
    plain = rows_by_protobuf(data)
    assert packed.num_rows == 1
    assert packed.layout.fits(SIGNATURE)
    assert packed.keys() == plain.keys()
    for name, values in plain.items():
        assert packed[name].dtype == values.dtype
        assert packed[name].tobytes() == values.tobytes() or values.dtype == object
        np.testing.assert_array_equal(packed[name], values)


@given(
    st.fixed_dictionaries(
        {
            name: st.binary(max_size=130)
            if kind == STRING
            else st.floats(width=32, allow_nan=True)
            for name, kind in KINDS.items()
        }
    )
)
@settings(max_examples=300, deadline=None)
def test_every_row_is_that_of_protobuf(values):
    data = encoded(request(values))
    row = layout_of(request()).read(data)
    longest = max(map(len, (values["word"], values["other"])))
    assert row is not None or longest >= 100
    if row is not None:
        assert_same(row, data)


@given(st.data())
@settings(max_examples=500, deadline=None)
def test_changed_bytes_are_read_as_by_protobuf_or_not_at_all(data):
    found = bytearray(encoded(request(signature_name="s")))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(found)))
        new = data.draw(st.binary(max_size=2))
        found[place : place + data.draw(st.integers(0, 2))] = new
    changed = bytes(found)
    row = layout_of(request(signature_name="s")).read(changed)
    if row is None:
        return
    message = PredictRequest.FromString(changed)
    assert_same(row, changed)
    message.ClearField("inputs")
    assert message == row.layout.request


def test_bytes_cut_short_or_with_more_behind_are_not_read():
    message = request()
    data, layout = encoded(message), layout_of(message)
    assert layout.read(data) is not None
    for place in range(len(data)):
        assert layout.read(data[:place]) is None
    assert layout.read(data + b"\0") is None
    assert layout.read(data + data) is None


def test_what_stands_behind_the_inputs_is_compared_too():
    message = request()
    message.output_filter.append("y")
    data, layout = encoded(message), layout_of(message)
    assert layout.read(data).layout.request.output_filter == ["y"]
    assert layout.read(data[:-1] + b"z") is None
    assert layout.read(data[:-1]) is None
    assert layout.read(data[:-3]) is None


def test_another_model_version_or_signature_is_another_layout():
    layout = layout_of(request())
    other = request()
    other.model_spec.version.value = 3
    for message in (request(name="n"), request(signature_name="s"), other):
        assert layout.read(encoded(message)) is None


@pytest.mark.parametrize(
    "message",
    [
        PredictRequest(),
        request({}),
        request(VALUES, name=""),
        put(request(), "many", 1.0, 2.0, sizes=(2,)),
        put(request(), "scalar", 1.0, sizes=()),
        put(request(), "column", 1.0, sizes=(1, 1)),
        put(request(), "n" * 120, 1.0),
        put(request(), "n" * 128, b"text"),
        put(request(), "long", b"x" * 128),
        request(name="m" * 200),
        request(dict.fromkeys([f"{n:0100}" for n in range(200)], 1.0)),
    ],
)
def test_other_requests_are_not_remembered(message):
    assert layout_of(message) is None


def test_an_alias_that_comes_twice_is_not_remembered():
    message = request({"x": 1.0})
    again = encoded(message) + encoded(message)
    assert WireLayout.of(again, PredictRequest.FromString(again)) is None


def test_content_and_missing_values_are_not_remembered():
    content, missing = request({"x": 1.0}), request({"x": 1.0})
    content.inputs["x"].ClearField("float_val")
    missing.inputs["x"].ClearField("float_val")
    content.inputs["x"].tensor_content = b"\0\0\0\0"
    assert layout_of(content) is None
    assert layout_of(missing) is None


@pytest.mark.parametrize(
    "kinds",
    [
        {**KINDS, "more": FLOAT},
        {name: kind for name, kind in KINDS.items() if name != "z"},
        {**KINDS, "z": STRING},
        {**KINDS, "z": INT64},
        {"x": FLOAT},
    ],
)
def test_a_row_that_does_not_fit_the_signature_is_not_packed(kinds):
    row = layout_of(request()).read(encoded(request()))
    assert RowReader(make_signature(kinds)).read_wire(row) is None


def test_signature_of_one_input_takes_rows_as_before():
    message = request({"x": 1.0})
    row = layout_of(message).read(encoded(message))
    assert RowReader(make_signature({"x": FLOAT})).read_wire(row) is None


def test_reader_knows_the_second_request_of_a_client():
    reader = PredictReader()
    first = reader(encoded(request()))
    second = reader(encoded(request({**VALUES, "x": 2.0})))
    assert isinstance(first, PredictRequest)
    assert isinstance(second, WireRow)
    assert RowReader(SIGNATURE).read_wire(second)["x"] == [2.0]
    with pytest.raises(DecodeError):
        reader(b"\xff\xff")


def test_reader_keeps_the_layouts_used_last():
    reader = PredictReader()
    kept = encoded(request(signature_name="kept"))
    reader(kept)
    for number in range(grpc_wire._MAX_LAYOUTS - 1):
        reader(encoded(request(signature_name=str(number))))
    assert isinstance(reader(kept), WireRow)
    for _ in range(grpc_wire._LEARNT_OF_UNKNOWN):
        reader(encoded(request(signature_name="new")))
    assert isinstance(reader(encoded(request(signature_name="new"))), WireRow)
    assert isinstance(reader(kept), WireRow)
    assert isinstance(reader(encoded(request(signature_name="0"))), PredictRequest)
    assert len(reader._layouts) == grpc_wire._MAX_LAYOUTS


def test_more_clients_than_layouts_are_learnt_from_now_and_then(monkeypatch):
    calls = []

    def counted(data, _message):
        calls.append(data)

    monkeypatch.setattr(grpc_wire.WireLayout, "of", counted)
    reader = PredictReader()
    reader._layouts = [layout_of_any() for _ in range(grpc_wire._MAX_LAYOUTS)]
    for number in range(640):
        reader(encoded(request(signature_name=str(number))))
    assert len(calls) == 10


def layout_of_any():
    return WireLayout(request())

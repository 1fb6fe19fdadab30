"""Whatever a client sends, it gets an answer or an error, and the server lives."""

import asyncio
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.server.rest.endpoints import Endpoints
from serving.server.rest.http_message import Answer, HttpRequest
from serving.server.rest.options import RestOptions
from serving.server.rest.request_reader import RequestReader
from tests.serving.server.fake_backend import (
    FakeBackend,
    FakeServable,
    make_signature,
)

INPUTS = {"f": 1, "d": 2, "i": 3, "s": 7, "l": 9, "b": 10, "u": 23}
ONE_OF_EACH = {
    **{f"one_{name}": make_signature({name: kind}) for name, kind in INPUTS.items()},
    "half": make_signature({"h": 19}),
    "b64": make_signature({"b64": 7}),
    "serving_default": make_signature(INPUTS),
}


def echo(**inputs):
    return inputs


SERVABLE = FakeServable(
    name="m",
    version=1,
    signatures=ONE_OF_EACH,
    functions=dict.fromkeys(ONE_OF_EACH, echo),
)
ENDPOINTS = Endpoints(
    FakeBackend(SERVABLE),
    RestOptions(nullable_inputs=lambda *_: ("f", "s")),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.integers(-3, 3),
    st.floats(),
    st.text(max_size=5),
    st.just({"b64": "aGk="}),
    st.just({"b64": "!"}),
)
NAMES = st.one_of(
    st.sampled_from([*INPUTS, "b64", "instances", "inputs"]), st.text(max_size=3)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=8)
    ),
    max_leaves=20,
)
FIELDS = (
    "instances",
    "inputs",
    "examples",
    "context",
    "signature_name",
)


def answer(api: str, body: bytes):
    request = HttpRequest(
        method="POST",
        path=f"/v1/models/m:{api}".encode(),
        body=body,
        received_bytes=len(body),
        request_id="",
        keeps_alive=True,
        is_http_1_0=False,
        started_s=0.0,
    )
    return answered(request)


def answered(request: HttpRequest) -> Answer:
    found = Answer()
    asyncio.run(ENDPOINTS.answer(request, found))
    return found


def is_sound(api: str, body: bytes) -> None:
    found = answer(api, body)
    assert found.status in (200, 400, 501), found.body
    if found.status != 200:
        assert list(json.loads(found.body)) == ["error"]


@given(st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=3), st.data())
@settings(max_examples=300, deadline=None)
def test_any_document(document, data):
    if data.draw(st.booleans()):
        document["signature_name"] = data.draw(st.sampled_from(list(ONE_OF_EACH)))
    api = data.draw(st.sampled_from(["predict", "classify", "regress"]))
    is_sound(api, json.dumps(document).encode())


@given(st.sampled_from(list(ONE_OF_EACH)), st.lists(SCALARS, min_size=1, max_size=4))
@settings(max_examples=300, deadline=None)
def test_any_column(signature, values):
    for key in ("instances", "inputs"):
        document = {"signature_name": signature, key: values}
        is_sound("predict", json.dumps(document).encode())


@given(
    st.dictionaries(st.sampled_from(list(INPUTS)), VALUES, min_size=7, max_size=7),
    st.integers(1, 3),
)
@settings(max_examples=100, deadline=None)
def test_any_rows(row, num_rows):
    is_sound("predict", json.dumps({"instances": [row] * num_rows}).encode())
    is_sound("predict", json.dumps({"inputs": row}).encode())


@given(st.binary(max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_bytes(body):
    is_sound("predict", body)
    is_sound("classify", b'{"examples": [' + body)


class Collector:
    def __init__(self):
        self.requests = []

    def on_request_begin(self):
        pass

    def on_continue_expected(self):
        pass

    def on_body_bytes(self, count):
        return count > 0

    def on_request(self, request):
        self.requests.append(request)


@given(st.binary(max_size=300), st.integers(1, 50))
@settings(max_examples=200, deadline=None)
def test_any_bytes_as_http(data, size):
    collector = Collector()
    reader = RequestReader(RestOptions(max_head_bytes=200), collector)
    for start in range(0, len(data), size):
        reader.feed(data[start : start + size])
    assert sum(one.refusal is not None for one in collector.requests) <= 1


WHOLE = (
    b"POST /v1/models/m:predict HTTP/1.1\r\nContent-Length: 18\r\n\r\n"
    b'{"instances": [1]}'
)


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255), st.integers(1, 30))
@settings(max_examples=300, deadline=None)
def test_one_byte_changed(place, byte, size):
    changed = WHOLE[:place] + bytes([byte]) + WHOLE[place + 1 :]
    collector = Collector()
    reader = RequestReader(RestOptions(), collector)
    for start in range(0, len(changed), size):
        reader.feed(changed[start : start + size])
    for request in collector.requests:
        found = answered(request)
        assert 200 <= found.status < 502


@pytest.mark.parametrize("size", [1, 2, 31, 32, 33])
def test_rows_of_random_features_come_back(size):
    generator = np.random.default_rng(size)
    rows = [
        {
            "f": round(float(generator.random()), 3),
            "d": float(generator.random()),
            "i": int(generator.integers(-(2**31), 2**31)),
            "s": "".join(map(chr, generator.integers(32, 0x2FFF, 5).tolist())),
            "l": int(generator.integers(-(2**63), 2**63 - 1)),
            "b": bool(generator.integers(2)),
            "u": int(generator.integers(2**63)),
        }
        for _ in range(size)
    ]
    found = answer("predict", json.dumps({"instances": rows}).encode())
    assert json.loads(found.body) == {"predictions": rows}

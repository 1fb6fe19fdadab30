"""Broken documents of every kind over one connection of a running server.

tests/serving/server/rest/test_any_json.py puts any document to the parsers in process;
here damaged ones go through the socket to the graph, and each is followed by a sound
one on the same connection: whatever came before must not be felt.
"""

import http.client
import json

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.serving.load.hostility import PATH
from tests.serving.load.load_models import STEP

SOUND = (
    b'{"instances": [1, 2.5e0, -3]}',
    b'{"inputs": {"x": [1.0, 2]}, "signature_name": "serving_default"}',
    b'{"signature_name": "pair", "instances": [{"x": 1, "word": "a\\u00e9\\n"}]}',
    b'{"signature_name": "wide", "inputs": [[1, 2], [3, 4]]}',
)
TOKENS = (
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"null", b"NaN", b"-", b"1e999",
    b"\\ud800", b"\xff", b"\x00", b"99999999999999999999", b'{"b64": "!"}', b"[" * 2000,
)  # fmt: skip


@st.composite
def damaged(draw):
    """A sound document with one to four cuts, repetitions and insertions."""
    text = draw(st.sampled_from(SOUND))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 8)))
        new = draw(
            st.one_of(
                st.just(b""),
                st.sampled_from(TOKENS),
                st.binary(max_size=4),
                st.just(text[start:end] * 2),
            )
        )
        text = text[:start] + new + text[end:]
    return text


@pytest.fixture(scope="module")
def connection(server):
    """One connection for all documents: a server that closes it fails the test."""
    opened = http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=20)
    opened.connect()
    opened.auto_open = False
    yield opened
    opened.close()


@given(body=damaged())
@settings(max_examples=400, deadline=None)
def test_damaged_document_is_refused_and_the_next_is_answered(connection, body):
    status, content = ask(connection, body)
    assert status in (200, 400), content
    if status == 400:
        assert list(json.loads(content)) == ["error"]
        assert json.loads(content)["error"]
    status, content = ask(connection, SOUND[0])
    assert status == 200
    answers = [STEP + 1.0, STEP + 2.5, STEP - 3.0]
    assert json.loads(content) == {"predictions": answers}


def ask(connection, body):
    connection.request("POST", PATH, body)
    answer = connection.getresponse()
    return answer.status, answer.read()


@pytest.mark.parametrize("message", [b"\xff\xff\xff", b"\x0a\x7fabc"])
def test_message_that_is_none_is_refused_without_a_traceback(server, message):
    """Source: grpcpp's GenericDeserialize, INTERNAL for what does not parse."""
    with grpc.insecure_channel(server.grpc_target) as channel:
        call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        with pytest.raises(grpc.RpcError) as found:
            call(message, timeout=20)
    assert found.value.code() is grpc.StatusCode.INTERNAL

"""Bodies of predict, classify and regress answers, byte for byte."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.server.core import VersionStatus
from serving.server.rest.example_answer import classify_answer, regress_answer
from serving.server.rest.input_plan import plan_signature
from serving.server.rest.model_json import error_body, status_body
from serving.server.rest.predict_answer import predict_answer
from serving.server.rest.predict_request import (
    parse_predict_request,
    request_inputs,
)
from serving.server.status import Code, ServingError
from tests.serving.server.fake_backend import FLOAT, INT64, STRING, make_signature


def text(*values: bytes) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def rows(**outputs: np.ndarray) -> str:
    return predict_answer(outputs, is_row_format=True).decode()


def columns(**outputs: np.ndarray) -> str:
    return predict_answer(outputs, is_row_format=False).decode()


def test_one_output_in_rows():
    values = np.array([2.5, 3.0, 4.5], np.float32)
    assert rows(y=values) == '{\n    "predictions": [2.5, 3.0, 4.5\n    ]\n}'


def test_one_output_of_lists_in_rows():
    values = np.array([[[1, 2], [3, 4]], [[5, 6], [7, 8]]], np.int32)
    assert rows(y=values) == (
        '{\n    "predictions": [[[1, 2], [3, 4]], [[5, 6], [7, 8]]\n    ]\n}'
    )


def test_several_outputs_in_rows():
    found = rows(
        score=np.array([[0.5], [9e6]], np.float32), label=text(b"a", "ü\n".encode())
    )
    assert found == (
        "{\n"
        '    "predictions": [\n'
        "        {\n"
        '            "label": "a",\n'
        '            "score": [0.5]\n'
        "        },\n"
        "        {\n"
        '            "label": "ü\\n",\n'
        '            "score": [9e+06]\n'
        "        }\n"
        "    ]\n"
        "}"
    )


def test_base64_in_rows():
    values = text(b"hello", b"world").reshape(1, 2)
    assert rows(raw_bytes=values) == (
        "{\n"
        '    "predictions": [[{\n'
        '                "b64": "aGVsbG8="\n'
        "            }, {\n"
        '                "b64": "d29ybGQ="\n'
        "            }]\n"
        "    ]\n"
        "}"
    )


def test_one_output_in_columns():
    values = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    assert columns(y=values) == (
        "{\n"
        '    "outputs": [\n'
        "        [\n"
        "            1.0,\n"
        "            2.0\n"
        "        ],\n"
        "        [\n"
        "            3.0,\n"
        "            4.0\n"
        "        ]\n"
        "    ]\n"
        "}"
    )


def test_several_outputs_in_columns():
    found = columns(b=np.array([True, False]), a=np.array(7, np.int64))
    assert found == (
        "{\n"
        '    "outputs": {\n'
        '        "a": 7,\n'
        '        "b": [\n'
        "            true,\n"
        "            false\n"
        "        ]\n"
        "    }\n"
        "}"
    )


def test_base64_in_columns():
    assert json.loads(columns(raw_bytes=text(b"hi"))) == {"outputs": [{"b64": "aGk="}]}
    assert json.loads(columns(raw=text(b"hi"))) == {"outputs": ["hi"]}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([-1, 2], np.int8), [-1, 2]),
        (np.array([2**63 - 1], np.int64), [2**63 - 1]),
        (np.array([2**64 - 1], np.uint64), [2**64 - 1]),
        (np.array([2**32 - 1], np.uint32), [2**32 - 1]),
        (np.array([255], np.uint8), [255]),
        (np.array([0.5], np.float16), [0.5]),
        (np.array([0.1], np.float64), [0.1]),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array([b"a", b"b"]), ["a", "b"]),
        (text(b'"\\\x00\x1f/'), ['"\\\x00\x1f/']),
        (text(b"\xff"), ["\ufffd"]),
        (np.zeros((2, 0), np.float32), [[], []]),
        (np.zeros((2, 0, 3), np.float32), [[], []]),
        (np.zeros((1, 2, 0), np.float32), [[[], []]]),
        (np.zeros((0, 2), np.float32), []),
    ],
)
def test_elements(values, expected):
    assert json.loads(rows(y=values)) == {"predictions": expected}
    assert json.loads(columns(y=values)) == {"outputs": expected}


def test_not_a_number():
    values = np.array([np.nan, np.inf, -np.inf, 3], np.float32)
    assert "[NaN, Infinity, -Infinity, 3.0\n" in rows(y=values)


def test_many_floats_take_the_other_path():
    values = np.arange(200, dtype=np.float32).reshape(100, 2) / 7
    found = json.loads(rows(y=values))["predictions"]
    assert np.array_equal(np.array(found, np.float32), values)


def test_no_rows():
    empty = np.zeros((0, 3), np.float32)
    assert rows(y=empty) == '{\n    "predictions": []\n}'
    assert rows(y=empty, z=empty) == '{\n    "predictions": []\n}'


def test_names_are_escaped():
    one = np.array([1], np.int32)
    found = rows(**{'a"%s': one, "b": one})
    assert json.loads(found) == {"predictions": [{'a"%s': 1, "b": 1}]}


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ({}, "Cannot convert empty tensor map to JSON"),
        ({"x": np.array(1)}, "Tensor name: x has no shape information"),
        (
            {"x": np.zeros(2), "y": np.zeros(1)},
            "Tensor name: y has inconsistent batch size: 1 expecting: 2",
        ),
        (
            {"x": np.zeros(2), "y": np.zeros(0)},
            "Tensor name: y has inconsistent batch size: 0 expecting: 2",
        ),
        ({"x": np.zeros(1, complex)}, "JSON value for tensor type: complex128"),
    ],
)
def test_refused(outputs, words):
    with pytest.raises(ServingError, match=words) as caught:
        predict_answer(outputs, is_row_format=True)
    assert caught.value.code is Code.INVALID_ARGUMENT


@given(
    st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=60),
    st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=60),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=60),
)
@settings(max_examples=80, deadline=None)
def test_what_is_written_can_be_sent_back(floats, texts, wholes):
    size = min(len(floats), len(texts), len(wholes))
    arrays = {
        "f": np.array(floats[:size], np.float32),
        "i": np.array(wholes[:size], np.int64),
        "s": text(*[one.encode() for one in texts[:size]]),
        "raw_bytes": text(*[one.encode("utf-16") for one in texts[:size]]),
    }
    plan = plan_signature(
        make_signature({"f": FLOAT, "i": INT64, "s": STRING, "raw_bytes": STRING})
    )
    for is_row_format, there, back in (
        (True, b'"predictions"', b'"instances"'),
        (False, b'"outputs"', b'"inputs"'),
    ):
        body = predict_answer(arrays, is_row_format=is_row_format)
        body = body.replace(there, back, 1)
        # A float32 like 3.4e+38 of nine digits may read as a larger double.
        if not np.all(np.abs(arrays["f"][np.isfinite(arrays["f"])]) < 3.4e38):
            continue
        found, _ = request_inputs(parse_predict_request(body), plan, 1000)
        for name, values in arrays.items():
            assert found[name].tolist() == values.tolist()


def test_classify():
    outputs = {
        "classes": text(b"a", b"b", b"c", b"d").reshape(2, 2),
        "scores": np.array([[0.25, 0.75], [1, 0]], np.float32),
    }
    assert classify_answer(outputs, 2).decode() == (
        '{\n    "results": [[["a", 0.25], ["b", 0.75]], [["c", 1.0], ["d", 0.0]]\n'
        "    ]\n}"
    )
    only_scores = classify_answer({"scores": outputs["scores"]}, 2)
    assert json.loads(only_scores)["results"][0] == [["", 0.25], ["", 0.75]]
    only_classes = classify_answer({"classes": outputs["classes"]}, 2)
    assert json.loads(only_classes)["results"][1] == [["c", 0.0], ["d", 0.0]]


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ({"scores": np.zeros(2, np.float32)}, "Expected Tensor shape: .* got \\[2\\]"),
        ({"scores": np.zeros((2, 1))}, "Expected scores Tensor of DT_FLOAT. Got: flo"),
        ({"scores": np.zeros((1, 1), np.float32)}, "scores output batch size of 2. Go"),
        ({"classes": np.zeros((2, 1))}, "Expected classes Tensor of DT_STRING."),
        (
            {
                "classes": text(b"a", b"b").reshape(2, 1),
                "scores": np.zeros((2, 2), np.float32),
            },
            "should match in dim_size\\(1\\). Got 1 vs. 2",
        ),
        ({}, "Expected classes or scores"),
    ],
)
def test_refused_classifications(outputs, words):
    with pytest.raises(ServingError, match=words):
        classify_answer(outputs, 2)


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_regress(shape):
    outputs = {"outputs": np.array([1, 0.1], np.float32).reshape(shape)}
    assert regress_answer(outputs, 2) == b'{\n    "results": [1.0, 0.1]\n}'


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ({}, "Could not find output tensor 'outputs'"),
        ({"outputs": np.zeros((2, 2), np.float32)}, "to be either \\[batch_size\\] or"),
        ({"outputs": np.zeros(3, np.float32)}, "did not match .* 2 vs. 3"),
        ({"outputs": np.zeros(2)}, "Expected output Tensor of DT_FLOAT."),
    ],
)
def test_refused_regressions(outputs, words):
    with pytest.raises(ServingError, match=words):
        regress_answer(outputs, 2)


def test_status():
    versions = [
        VersionStatus(version=2**53 + 1, state="AVAILABLE"),
        VersionStatus(version=1, state="END", error_code=13, error_message='a "b"'),
        VersionStatus(version=0, state="LOADING", error_code=77),
    ]
    body = status_body(versions)
    assert body.startswith(
        b'{\n "model_version_status": [\n  {\n   "version": "9007199254740993",\n'
        b'   "state": "AVAILABLE",\n   "status": {\n    "error_code": "OK",\n'
        b'    "error_message": ""\n   }\n  },\n'
    )
    states = json.loads(body)["model_version_status"]
    assert states[1]["status"] == {"error_code": "INTERNAL", "error_message": 'a "b"'}
    assert states[2]["status"]["error_code"] == 77


def test_error():
    assert error_body('a "b"\n') == b'{\n    "error": "a \\"b\\"\\n"\n}'
    assert error_body("\ud800") == b'{\n    "error": "?"\n}'

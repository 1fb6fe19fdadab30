"""Predict requests: which arrays they make, what is refused and in which words."""

import json
import math
from typing import Any

import numpy as np
import pytest

from serving.server.rest.clean_values import clean_columns, clean_rows, clean_tensor
from serving.server.rest.input_plan import plan_signature
from serving.server.rest.predict_request import (
    parse_predict_request,
    request_inputs,
)
from serving.server.rest.row_walk import walk_rows
from serving.server.status import Code, ServingError
from tests.serving.server.fake_backend import (
    BOOL,
    DOUBLE,
    FLOAT,
    INT32,
    INT64,
    STRING,
    make_signature,
)

UINT8, INT8, UINT32, UINT64, HALF = 4, 6, 22, 23, 19
ONE_INT = {"default": INT32}
MIXED = {"whole": INT32, "text": STRING}


def read(
    document: Any,
    inputs: dict[str, int],
    nullable: tuple[str, ...] = (),
    max_instances: int = 1000,
):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    plan = plan_signature(make_signature(inputs), nullable)
    return request_inputs(parse_predict_request(body), plan, max_instances)


def refusal(document: Any, inputs: dict[str, int], **options: Any) -> str:
    with pytest.raises(ServingError) as caught:
        read(document, inputs, **options)
    assert caught.value.code is Code.INVALID_ARGUMENT
    return caught.value.message


def same(found: np.ndarray, expected: Any, dtype: Any) -> None:
    wanted = np.array(expected, dtype)
    assert found.dtype == wanted.dtype
    assert found.shape == wanted.shape
    assert found.tolist() == wanted.tolist()


@pytest.mark.parametrize(
    ("tf_dtype", "rows", "expected", "dtype"),
    [
        (INT32, [[7, 8], [9, 10], [11, 12]], [[7, 8], [9, 10], [11, 12]], np.int32),
        (INT32, [3], [3], np.int32),
        (INT32, [[[1]], [[2]]], [[[1]], [[2]]], np.int32),
        (INT32, [[], []], np.zeros((2, 0)), np.int32),
        (FLOAT, [1, 2.0, 3, 5.25, 0.125], [1, 2, 3, 5.25, 0.125], np.float32),
        (FLOAT, [16777215, -16777215], [16777215, -16777215], np.float32),
        (FLOAT, [1e8, 3e38], [1e8, 3e38], np.float32),
        (FLOAT, [[1], [0.5]], [[1], [0.5]], np.float32),
        (DOUBLE, [1, 0.1, 2**53 - 1], [1, 0.1, 2**53 - 1], np.float64),
        (INT64, [2**63 - 1, -(2**63)], [2**63 - 1, -(2**63)], np.int64),
        (UINT64, [2**64 - 1, 0], [2**64 - 1, 0], np.uint64),
        (UINT32, [2**32 - 1], [2**32 - 1], np.uint32),
        (UINT8, [0, 255], [0, 255], np.uint8),
        (INT8, [-128, 127], [-128, 127], np.int8),
        (BOOL, [True, False], [True, False], bool),
        (STRING, ["a", "ü"], [b"a", "ü".encode()], object),
        (STRING, [["a"], [""]], [[b"a"], [b""]], object),
        (STRING, [{"b64": "aGk="}, {"b64": "eW8="}], [b"hi", b"yo"], object),
        (STRING, [{"b64": "aGk"}, "plain"], [b"hi", b"plain"], object),
        (STRING, [[{"b64": "aGk="}, "x"]], [[b"hi", b"x"]], object),
        (STRING, ["a\0b", "c\0"], [b"a\0b", b"c\0"], object),
    ],
)
def test_rows_of_plain_values(tf_dtype, rows, expected, dtype):
    inputs, is_row_format = read({"instances": rows}, {"default": tf_dtype})
    assert is_row_format
    same(inputs["default"], expected, dtype)
    [column] = read({"inputs": rows}, {"default": tf_dtype})[0].values()
    same(column, expected, dtype)
    named = {"instances": [{"default": row} for row in rows]}
    same(read(named, {"default": tf_dtype})[0]["default"], expected, dtype)


def test_rows_of_objects():
    rows = [
        {"whole": [[1, 2], [3, 4]], "text": "a"},
        {"text": {"b64": "aGk="}, "whole": [[5, 6], [7, 8]]},
    ]
    inputs, is_row_format = read({"instances": rows}, MIXED)
    assert is_row_format
    same(inputs["whole"], [[[1, 2], [3, 4]], [[5, 6], [7, 8]]], np.int32)
    same(inputs["text"], [b"a", b"hi"], object)


def test_columns():
    columns = {"whole": [[1], [2]], "text": {"b64": "aGk="}}
    inputs, is_row_format = read({"inputs": columns}, MIXED)
    assert not is_row_format
    same(inputs["whole"], [[1], [2]], np.int32)
    same(inputs["text"], b"hi", object)


def test_columns_of_different_lengths_are_the_models_affair():
    inputs, _ = read({"inputs": {"whole": [1, 2], "text": ["a"]}}, MIXED)
    assert inputs["whole"].shape == (2,)
    assert inputs["text"].shape == (1,)


def test_columns_may_hold_names_that_nobody_asked_for():
    columns = {"whole": [1], "text": ["a"], "other": [{}]}
    assert set(read({"inputs": columns}, MIXED)[0]) == set(MIXED)


@pytest.mark.parametrize(("value", "shape"), [(3, ()), ([3], (1,)), ([[3]], (1, 1))])
def test_a_column_may_be_a_scalar(value, shape):
    assert read({"inputs": value}, ONE_INT)[0]["default"].shape == shape
    named = {"inputs": {"default": value}}
    assert read(named, ONE_INT)[0]["default"].shape == shape


def test_not_a_number_and_infinity():
    body = b'{"instances": [NaN, 1, Infinity, -Infinity]}'
    found = read(body, {"x": FLOAT})[0]["x"].tolist()
    assert math.isnan(found[0])
    assert found[1:] == [1.0, math.inf, -math.inf]


def test_signature_name():
    body = b'{"signature_name": "other", "instances": [1]}'
    assert parse_predict_request(body).signature_name == "other"
    assert parse_predict_request(b"{}").signature_name == ""
    with pytest.raises(ServingError, match="must be a string value"):
        parse_predict_request(b'{"signature_name": 5}')


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([[1, 2], [3, 4], [5, 6, 7]], "Expecting tensor size: 2 but got: 3"),
        ([[1, 2], [3, 4], [[5, 6]]], "Expecting shape [2] but got: [1,2]"),
        ([1, [1]], "Expecting shape [] but got: [1]"),
        ([[1, 2], ["a", "b"]], 'JSON Value: "a" Type: String is not of expected type'),
        ([[1, [2]]], "Encountered list at unexpected level: 1 expected < 1"),
        ([[[1], 2]], "JSON Value: 2 found at incorrect level: 2 in the JSON DOM."),
        ([[[1, 2], [3]]], "Encountered list at unexpected size: 1 at level: 1"),
        ([1.0], "JSON Value: 1.0 Type: Number is not of expected type: int32"),
        ([1.5], "JSON Value: 1.5 Type: Number"),
        ([True], "JSON Value: true Type: True"),
        ([False], "JSON Value: false Type: False"),
        ([None], "JSON Value: null Type: Null"),
        ([2**31], "JSON Value: 2147483648 Type: Number"),
        ([{"b64": "aGk="}], "Type: Object is not of expected type: int32"),
        ([1, {"default": 2}], "Expecting value/list but got object at item 1"),
        ([{"default": 1}, 2], "Expecting object but got list at item 1"),
        ([{"other": 1}], "key: other of 'instances' list. Error: INVALID_ARGUMENT: "),
        ([{"other": 1}], "JSON object: does not have named input: other"),
        ([{}], "keys must be equal to: default"),
        ([{"default": "x"}], "Failed to process element: 0 key: default of"),
    ],
)
def test_refused_rows(rows, words):
    assert words in refusal({"instances": rows}, ONE_INT)


@pytest.mark.parametrize(
    ("tf_dtype", "value"),
    [
        (FLOAT, 16777216),
        (FLOAT, -16777216),
        (FLOAT, 1e39),
        (FLOAT, -1e308),
        (DOUBLE, 2**53),
        (DOUBLE, 2**64 - 1),
    ],
)
def test_numbers_that_would_not_keep_their_value(tf_dtype, value):
    for document in ({"instances": [value]}, {"inputs": [value]}):
        assert "without loss of precision." in refusal(document, {"x": tf_dtype})


@pytest.mark.parametrize(
    ("tf_dtype", "value"),
    [
        (UINT8, 256),
        (UINT8, -1),
        (INT8, 128),
        (INT64, 2**63),
        (UINT64, -1),
        (UINT32, 2**32),
        (STRING, 1),
        (STRING, True),
        (BOOL, 1),
        (BOOL, "true"),
        (FLOAT, "1.0"),
        (FLOAT, True),
        (FLOAT, None),
        (INT64, 1e3),
    ],
)
def test_values_of_another_type(tf_dtype, value):
    for document in ({"instances": [value]}, {"inputs": [value]}):
        assert "is not of expected type: " in refusal(document, {"x": tf_dtype})


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"b64": "aGk=", "x": 1}, "not formatted correctly for base64 data"),
        ({"b64": 3}, "not formatted correctly for base64 data"),
        ({"c": "aGk="}, "not formatted correctly for base64 data"),
        ({"b64": "a"}, "Unable to base64 decode"),
        ({"b64": "!!!!"}, "Unable to base64 decode"),
        ({"b64": "ü"}, "Unable to base64 decode"),
    ],
)
def test_bad_base64(value, words):
    assert words in refusal({"inputs": {"x": [value]}}, {"x": STRING})


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, "Missing 'inputs' or 'instances' key"),
        ({"instances": [1], "inputs": [1]}, "expecting only one of 'inputs' or"),
        ({"instances": 5}, "Excepting 'instances' to be an list/array"),
        ({"instances": {}}, "Excepting 'instances' to be an list/array"),
        ({"instances": None}, "Excepting 'instances' to be an list/array"),
        ({"instances": []}, "No values in 'instances' array"),
        ({"instances": [1]}, "instances is a plain list, but expecting list of obj"),
        ({"instances": [[1]]}, "instances is a plain list, but expecting list of"),
        ({"inputs": [1]}, "inputs is a plain value/list, but expecting an object as"),
        ({"inputs": None}, "inputs is a plain value/list, but expecting an object"),
        ({"inputs": {"whole": [1]}}, "Missing named input: text in 'inputs' object."),
        ({"inputs": {"whole": ["a"], "text": [""]}}, ", in named input: whole"),
        ({"instances": [{"whole": 1}]}, "keys must be equal to: text,whole"),
        ({"instances": [{"b64": "aGk="}]}, "instances is a plain list, but expecting"),
    ],
)
def test_refused_documents(document, words):
    assert words in refusal(document, MIXED)


def test_types_that_json_cannot_give():
    with pytest.raises(ServingError, match="to type: half") as caught:
        read({"inputs": [1]}, {"x": HALF})
    assert caught.value.code is Code.UNIMPLEMENTED
    assert "UNIMPLEMENTED: Conversion of" in refusal({"instances": [1]}, {"x": HALF})


def test_too_many_instances():
    words = "has 4 instances; expected at most 3"
    assert words in refusal({"instances": [1] * 4}, ONE_INT, max_instances=3)
    assert words in refusal({"inputs": [1] * 4}, ONE_INT, max_instances=3)
    read({"instances": [1] * 3}, ONE_INT, max_instances=3)


@pytest.mark.parametrize(
    "body",
    [
        b'{"instances": [{"whole": 1, "text": "a", "whole": 2}]}',
        b'{"instances": [{"whole": 1, "text": "1:2", "whole": 2}]}',
        b'{"instances": [{"whole": 1, "text": {"b64": "aGk="}, "whole": 2}]}',
        b'{"inputs": {"whole": [1], "text": ["a"], "whole": [2]}}',
        b'{"instances": [{"whole": 1, "text": "a"}], "instances": []}',
    ],
)
def test_a_name_given_twice(body):
    assert "twice" in refusal(body, MIXED) or "No values" in refusal(body, MIXED)


def test_null_where_a_feature_may_be_missing():
    inputs = {"fare": FLOAT, "tip": FLOAT, "company": STRING, "trips": INT64}
    nullable = ("fare", "company", "trips")
    row = {"fare": None, "tip": 1.5, "company": None, "trips": 3}
    other = {"fare": 2, "tip": 2.5, "company": "x", "trips": 4}
    for rows in ([row], [row, other], [row, {**other, "company": {"b64": "eA=="}}]):
        found, _ = read({"instances": rows}, inputs, nullable)
        assert math.isnan(found["fare"][0])
        assert found["company"].tolist() == [b"", b"x"][: len(rows)]
    columns = {name: [row[name], other[name]] for name in inputs}
    found, _ = read({"inputs": columns}, inputs, nullable)
    assert math.isnan(found["fare"][0])
    assert found["company"].tolist() == [b"", b"x"]
    refused = {**row, "tip": None}
    assert "key: tip" in refusal({"instances": [refused]}, inputs, nullable=nullable)
    refused = {**row, "trips": None}
    assert "Null is not" in refusal({"instances": [refused]}, inputs, nullable=nullable)


def test_an_input_named_b64():
    body = {"instances": [{"b64": "aGk="}]}
    assert read(body, {"b64": STRING})[0]["b64"].tolist() == [b"hi"]
    assert read({"instances": ["x"]}, {"b64": STRING})[0]["b64"].tolist() == [b"x"]


def test_deeper_than_any_tensor():
    value: Any = 1
    for _ in range(40):
        value = [value]
    assert "Encountered list at unexpected level: 32" in refusal(
        {"inputs": value}, ONE_INT
    )


@pytest.mark.parametrize("num_rows", [1, 3])
@pytest.mark.parametrize("nests", [False, True])
def test_plain_values_convert_the_same_when_walked(num_rows, nests):
    """The fast path and TF Serving's walk agree, and the fast one takes these."""
    inputs = {"a": FLOAT, "b": STRING, "c": FLOAT, "d": INT64, "e": BOOL, "f": DOUBLE}
    values = {"a": 1.5, "b": "x", "c": 2, "d": 7, "e": True, "f": -0.5}
    if nests:
        values = {name: [[value, value]] for name, value in values.items()}
    rows = [values] * num_rows
    plan = plan_signature(make_signature(inputs))
    fast, walked = clean_rows(rows, plan), walk_rows(rows, plan)
    assert fast is not None
    columns = {name: [row[name] for row in rows] for name in inputs}
    by_column = clean_columns(columns, plan)
    for name in inputs:
        same(fast[name], walked[name].tolist(), walked[name].dtype)
        same(by_column[name], walked[name].tolist(), walked[name].dtype)


def test_unusual_values_are_left_to_the_walk():
    plan = plan_signature(make_signature({"x": FLOAT})).inputs["x"]
    for values in ([1, "a"], [[1], [1, 2]], [2**24], [True], [math.nan, 1e300]):
        assert clean_tensor(values, plan) is None

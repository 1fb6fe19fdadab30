"""JSON that makes no request, and the words it is refused with.

Facts from TF Serving's util/json_tensor_test.cc (the *Errors tests), json_tensor.cc and
http_rest_api_handler_test.cc; RapidJSON's error/en.h for what its parser says.
"""

import pytest

ECHO = "/v1/models/echoes:predict"


def echo(signature, instances, key="instances"):
    return f'{{"signature_name": "{signature}", "{key}": {instances}}}'


PARSE_ERRORS = {
    "nothing": ("", "The document is empty"),
    "spaces": ("  \n", "The document is empty"),
    "no-json": ("instances = [1, 2]", "Invalid value"),
    "second-value": ('{"instances": [1]} {}', "must not be followed by other values"),
    "no-comma-in-list": ('{"instances": [1 2]}', "Missing a comma or ] after an array"),
    "no-comma-in-object": (
        '{"instances": [1] "a": 1}',
        "Missing a comma or } after an object",
    ),
    "comma-at-the-end": ('{"instances": [1,]}', "Invalid value"),
    "no-colon": ('{"instances" [1]}', "Missing a colon after a name"),
    "no-name": ("{1: 2}", "Missing a name for object member"),
    "open-text": ('{"instances": ["a', "Missing a closing quotation mark"),
    "wrong-escape": (r'{"instances": ["\q"]}', "Invalid escape character"),
    "wrong-hexadecimals": (r'{"instances": ["\u12x4"]}', "Incorrect hex digit"),
    "half-a-surrogate-pair": (
        r'{"instances": ["\ud83dx"]}',
        "surrogate pair in string is invalid",
    ),
    "no-fraction": ('{"instances": [1.]}', "Miss fraction part in number"),
    "no-exponent": ('{"instances": [1e]}', "Miss exponent in number"),
    "plus-sign": ('{"instances": [+1]}', "Invalid value"),
    "leading-zero": ('{"instances": [01]}', "Missing a comma or ] after an array"),
    "too-big-for-double": (
        '{"instances": [1e400]}',
        "Number too big to be stored in double",
    ),
    "cut-off": ('{"instances": [1, 2', "Missing a comma or ] after an array"),
    "comment": ('{"instances": [1] /* one */}', "Missing a comma or } after an object"),
    "single-quotes": ("{'instances': [1]}", "Missing a name for object member"),
}


@pytest.mark.parametrize(("body", "words"), PARSE_ERRORS.values(), ids=PARSE_ERRORS)
def test_text_that_is_no_json_is_refused_in_the_parsers_words(served, body, words):
    """http_rest_api_handler_test.cc: PredictRequestErrors; RapidJSON's error/en.h."""
    answer = served.post(ECHO, body)
    assert answer.status == 400
    assert answer.error.startswith("JSON Parse error: ")
    assert words in answer.error


REFUSALS = {
    "no-object": ("[1, 2]", "Is not object"),
    "signature_name-is-a-number": (
        '{"signature_name": 5, "instances": [1]}',
        "must be a string value",
    ),
    "unknown-signature": (
        echo("nowhere", "[1]"),
        'Serving signature name: "nowhere" not found',
    ),
    "no-default-signature": (
        '{"instances": [1]}',
        'Serving signature name: "serving_default" not found',
    ),
    "signature-without-inputs": (
        echo("no_inputs", "[1]"),
        "Failed to get input map for signature",
    ),
    "instances-and-inputs": (
        '{"signature_name": "float", "instances": [1], "inputs": [1]}',
        "Not formatted correctly",
    ),
    "neither": ('{"signature_name": "float"}', "Missing 'inputs' or 'instances' key"),
    "instances-is-no-list": (echo("float", "1.0"), "to be an list/array"),
    "instances-is-empty": (echo("float", "[]"), "No values in 'instances'"),
    "ragged-row": (echo("int32", "[[[1,2],[3]]]"), "at unexpected size"),
    "ragged-rows": (echo("int32", "[[1,2],[3,4],[5,6,7]]"), "Expecting tensor size"),
    "deeper-row": (echo("int32", "[[1,2],[3,4],[[5,6]]]"), "Expecting shape"),
    "number-then-list": (echo("int32", "[1, [1]]"), "Expecting shape"),
    "list-then-number": (echo("int32", "[[1, [2]]]"), "unexpected level"),
    "text-for-int32": (
        echo("int32", '[[1,2],["a","b"]]'),
        "not of expected type: int32",
    ),
    "text-for-float": (echo("float", '["x"]'), "not of expected type: float"),
    "null-for-float": (echo("float", "[null]"), "not of expected type: float"),
    "base64-for-float": (
        echo("float", '[{"b64": "AA=="}]'),
        "not of expected type: float",
    ),
    "boolean-for-float": (echo("float", "[true]"), "not of expected type: float"),
    "number-for-text": (echo("string", "[1]"), "not of expected type: string"),
    "number-for-boolean": (echo("bool", "[1]"), "not of expected type: bool"),
    "fraction-for-int32": (echo("int32", "[1.0]"), "not of expected type: int32"),
    "too-big-for-int32": (echo("int32", "[2147483648]"), "not of expected type: int32"),
    "too-big-for-int64": (
        echo("int64", "[9223372036854775808]"),
        "not of expected type: int64",
    ),
    "negative-for-uint32": (echo("uint32", "[-1]"), "not of expected type: uint32"),
    "negative-for-uint64": (echo("uint64", "[-1]"), "not of expected type: uint64"),
    "too-big-for-float": (
        echo("float", "[1.7976931348623157e308]"),
        "without loss of precision",
    ),
    "integer-too-long-for-float": (
        echo("float", "[16777217]"),
        "without loss of precision",
    ),
    "negative-too-long-for-float": (
        echo("float", "[-16777217]"),
        "without loss of precision",
    ),
    "integer-too-long-for-double": (
        echo("double", "[9007199254740993]"),
        "without loss of precision",
    ),
    "no-base64": (echo("string", '[{"b64": "!!!"}]'), "Unable to base64 decode"),
    "base64-of-a-number": (
        echo("string", '[["a"], [{"b64": 5}]]'),
        "not formatted correctly for base64",
    ),
    "base64-with-another-key": (
        echo("string", '[[{"b64": "AA==", "x": 1}]]'),
        "not formatted correctly for base64",
    ),
    "object-then-list": (
        echo("two", '[{"int_tensor": 1, "str_tensor": "a"}, [1]]'),
        "Expecting object but got list",
    ),
    "list-then-object": (
        echo("string", '[["a"], {"x": ["a"]}]'),
        "Expecting value/list but got object",
    ),
    "plain-rows-for-two-inputs": (
        echo("two", "[1, 2]"),
        "expecting list of objects as multiple input tensors required",
    ),
    "plain-columns-for-two-inputs": (
        echo("two", "[1, 2]", "inputs"),
        "expecting an object as multiple input tensors required",
    ),
    "unknown-input-in-row": (
        echo("float", '[{"z": 1}]'),
        "does not have named input: z",
    ),
    "input-left-out-of-row": (
        echo("two", '[{"int_tensor": 1}]'),
        "keys must be equal to: int_tensor,str_tensor",
    ),
    "input-left-out-of-columns": (
        echo("two", '{"int_tensor": [1]}', "inputs"),
        "Missing named input: str_tensor",
    ),
    "shapes-that-differ-by-name": (
        echo(
            "two",
            '[{"int_tensor": [[1]], "str_tensor": "a"},'
            ' {"int_tensor": [1], "str_tensor": "b"}]',
        ),
        "Expecting shape",
    ),
    "sizes-that-differ-by-name": (
        echo(
            "two",
            '[{"int_tensor": [1, 2], "str_tensor": "a"},'
            ' {"int_tensor": [1], "str_tensor": "b"}]',
        ),
        "Expecting tensor size",
    ),
    "complex-output": (echo("complex", "[1.0]"), "tensor type: complex64"),
    "scalar-output-by-row": (echo("scalar", "[1.0]"), "no shape information"),
    "outputs-of-unequal-batches": (
        echo("uneven", "[1.0, 2.0]"),
        "inconsistent batch size",
    ),
    "one-output-of-no-rows": (echo("one_none", "[1.0]"), "inconsistent batch size"),
    "shape-the-graph-cannot-take": (echo("product", "[[1.0, 2.0, 3.0]]"), ""),
}


@pytest.mark.parametrize(("body", "words"), REFUSALS.values(), ids=REFUSALS)
def test_requests_that_do_not_fit_are_refused(served, body, words):
    """json_tensor_test.cc: SingleUnnamedTensorErrors, MultipleNamedTensorErrors, …"""
    answer = served.post(ECHO, body)
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/json"
    assert words in answer.error


def test_error_body_is_one_indented_object(served):
    """json_tensor_test.cc: StatusError (MakeJsonFromStatus)."""
    answer = served.post("/v1/models/nothing:predict", '{"instances": [1.0]}')
    expected = '{\n    "error": "Servable not found for request: Latest(nothing)"\n}'
    assert (answer.status, answer.body.decode()) == (404, expected)


def test_quotes_in_an_error_are_escaped_once(served):
    """json_tensor_test.cc: StatusError."""
    answer = served.post("/v1/models/echoes:predict", '{"instances": [1]}')
    assert b'name: \\"serving_default\\" not found' in answer.body

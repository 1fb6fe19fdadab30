"""JSON to tensors and back, to the byte.

Facts from TF Serving's util/json_tensor_test.cc and json_tensor.cc (WriteDecimal,
MakeRowFormatJsonFromTensors, MakeColumnarFormatJsonFromTensors), whose writer is
RapidJSON's PrettyWriter: rows are single-line arrays inside an indented list.
"""

import gzip

import pytest

ECHO = "/v1/models/echoes:predict"
NAMED_ROWS = """{"signature_name": "named", "instances": [
  {"int_tensor": [[1,2],[3,4]], "str_tensor": ["foo", "bar"],
   "float_tensor": [1.0, NaN], "dbl_tensor": [NaN]},
  {"int_tensor": [[5,6],[7,8]], "str_tensor": ["baz", "bat"],
   "float_tensor": [2.0, Infinity], "dbl_tensor": [2.0]}]}"""
NAMED_ANSWER = """{
    "predictions": [
        {
            "dbl_tensor": [NaN],
            "float_tensor": [1.0, NaN],
            "int_tensor": [[1, 2], [3, 4]],
            "str_tensor": ["foo", "bar"]
        },
        {
            "dbl_tensor": [2.0],
            "float_tensor": [2.0, Infinity],
            "int_tensor": [[5, 6], [7, 8]],
            "str_tensor": ["baz", "bat"]
        }
    ]
}"""
COLUMNS_ANSWER = """{
    "outputs": {
        "int_tensor": [
            [
                1,
                2
            ]
        ],
        "str_tensor": [
            "foo",
            "bar"
        ]
    }
}"""
BYTES_ANSWER = """{
    "predictions": [[{
                "b64": "aGVsbG8="
            }, {
                "b64": "d29ybGQ="
            }], [{
                "b64": "dGY="
            }, {
                "b64": "c2VydmluZw=="
            }]
    ]
}"""
TWO_TEXTS_ANSWER = """{
    "predictions": [
        {
            "text": "hello",
            "text_bytes": {
                "b64": "aGVsbG8="
            }
        }
    ]
}"""


def rows(text):
    return f'{{\n    "predictions": [{text}\n    ]\n}}'


def echo(signature, instances, key="instances"):
    return f'{{"signature_name": "{signature}", "{key}": {instances}}}'


ANSWERS = {
    "matrix-of-int32": (
        echo("int32", "[[1,2],[3,4],[5,6]]"),
        rows("[1, 2], [3, 4], [5, 6]"),
    ),
    "three-dimensions": (
        echo("int32", "[[[1,2],[3,4]],[[5,6],[7,8]]]"),
        rows("[[1, 2], [3, 4]], [[5, 6], [7, 8]]"),
    ),
    "numbers-of-both-kinds-as-float": (
        echo("float", "[1, 2.0, 3, 5.003, 0.007, 0.0]"),
        rows("1.0, 2.0, 3.0, 5.003, 0.007, 0.0"),
    ),
    "numbers-of-both-kinds-as-double": (
        echo("double", "[1.0, 2, 0.662, 0, 0.0]"),
        rows("1.0, 2.0, 0.662, 0.0, 0.0"),
    ),
    "one-named-input": (
        echo("int32", '[{"x": [1,2]}, {"x": [3,4]}]'),
        rows("[1, 2], [3, 4]"),
    ),
    "base64-scalars": (
        echo("string", '[{"b64": "aGVsbG8="}, "x"]'),
        rows('"hello", "x"'),
    ),
    "base64-lists": (
        echo("string", '[[{"b64": "aGVsbG8="}], [{"b64": "d29ybGQ="}]]'),
        rows('["hello"], ["world"]'),
    ),
    "base64-below-a-name": (
        echo("string", '[{"x": [[{"b64": "aGVsbG8="}], [{"b64": "d29ybGQ="}]]}]'),
        rows('[["hello"], ["world"]]'),
    ),
    "base64-without-padding": (echo("string", '[{"b64": "aGVsbG8"}]'), rows('"hello"')),
    "four-named-tensors-by-row": (NAMED_ROWS, NAMED_ANSWER),
    "two-named-tensors-by-column": (
        echo("two", '{"int_tensor": [[1,2]], "str_tensor": ["foo", "bar"]}', "inputs"),
        COLUMNS_ANSWER,
    ),
    "one-tensor-by-column": (
        echo("float", "[3.0, 4.0]", "inputs"),
        '{\n    "outputs": [\n        3.0,\n        4.0\n    ]\n}',
    ),
    "one-named-tensor-by-column": (
        echo("int32", '{"x": [[1], [2]]}', "inputs"),
        (
            '{\n    "outputs": [\n        [\n            1\n        ],\n'
            "        [\n            2\n        ]\n    ]\n}"
        ),
    ),
    "a-number-by-column": (echo("float", "7", "inputs"), '{\n    "outputs": 7.0\n}'),
    "base64-by-column": (
        echo("bytes", '{"b64": "aGVsbG8="}', "inputs"),
        '{\n    "outputs": {\n        "b64": "aGVsbG8="\n    }\n}',
    ),
    "scalar-output-by-column": (
        echo("scalar", "[1, 2.5]", "inputs"),
        '{\n    "outputs": 3.5\n}',
    ),
    "no-rows-by-column": (echo("float", "[]", "inputs"), '{\n    "outputs": []\n}'),
    "rows-of-nothing": (echo("float", "[[], []]"), rows("[], []")),
    "output-of-no-rows": (echo("none", "[1.0]"), '{\n    "predictions": []\n}'),
    "outputs-of-no-rows": (echo("both_none", "[1.0]"), '{\n    "predictions": []\n}'),
    "bytes-output": (
        echo("bytes", '[["hello", "world"], ["tf", "serving"]]'),
        BYTES_ANSWER,
    ),
    "only-names-in-_bytes-are-encoded": (
        echo("text_and_bytes", '["hello"]'),
        TWO_TEXTS_ANSWER,
    ),
    "booleans": (echo("bool", "[true, false]"), rows("true, false")),
    "unknown-keys-beside-instances": (
        '{"more": 1, "signature_name": "float", "instances": [1]}',
        rows("1.0"),
    ),
    "byte-order-mark": ("\ufeff" + echo("float", "[1]"), rows("1.0")),
    "escapes-in": (
        echo("string", r'["\u00e9\t\"\/\ud83d\ude00"]'),
        rows('"é\\t\\"/😀"'),
    ),
    "control-characters-out": (
        echo("string", r'["\u0001\u001f\b\f\n\r"]'),
        rows(r'"\u0001\u001F\b\f\n\r"'),
    ),
    "a-zero-character": (
        echo("bytes", r'["a\u0000b"]'),
        rows('{\n            "b64": "YQBi"\n        }'),
    ),
}


@pytest.mark.parametrize(("body", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_json_answers_are_these_bytes(served, body, expected):
    """json_tensor_test.cc: SingleUnnamedTensor*, MultipleNamed*, FromJson*."""
    answer = served.post(ECHO, body)
    assert (answer.status, answer.body.decode()) == (200, expected)
    assert answer.headers["content-type"] == "application/json"


NUMBERS = [
    ("float", "0.5", "0.5"),
    ("float", "9000000", "9e+06"),
    ("float", "1000000", "1e+06"),
    ("float", "100000", "100000.0"),
    ("float", "999999", "999999.0"),
    ("float", "0.0003", "0.0003"),
    ("float", "0.00003", "3e-05"),
    ("float", "555557.5", "555557.5"),
    ("float", "0.1", "0.1"),
    ("float", "0.3333333333", "0.333333343"),
    ("float", "1234567", "1234567.0"),
    ("float", "16777215", "16777215.0"),
    ("float", "3.4028234e38", "3.40282347e+38"),
    ("float", "-0.0", "-0.0"),
    ("float", "-0", "0.0"),
    ("float", "1e-45", "1.4013e-45"),
    ("float", "NaN", "NaN"),
    ("float", "Inf", "Infinity"),
    ("float", "Infinity", "Infinity"),
    ("float", "-Infinity", "-Infinity"),
    ("double", "0.1", "0.1"),
    ("double", "0.1234567", "0.1234567"),
    ("double", "0.3333333333333333", "0.33333333333333331"),
    ("double", "9007199254740991", "9007199254740991.0"),
    ("double", "1e300", "1e+300"),
    ("double", "-Infinity", "-Infinity"),
    ("int8", "-128", "-128"),
    ("int16", "32767", "32767"),
    ("int32", "-2147483648", "-2147483648"),
    ("int64", "9223372036854775807", "9223372036854775807"),
    ("uint8", "255", "255"),
    ("uint32", "4294967295", "4294967295"),
    ("uint64", "18446744073709551615", "18446744073709551615"),
]


@pytest.mark.parametrize(
    ("dtype", "sent", "expected"), NUMBERS, ids=[f"{d}-{s}" for d, s, _ in NUMBERS]
)
def test_numbers_are_written_in_the_shortest_form_that_reads_back(
    served, dtype, sent, expected
):
    """json_tensor_test.cc: SixDigitPrecision, NonFinite; json_tensor.cc: WriteDecimal.

    Six digits if they read back as the same number, else 9 (float) or 17 (double).
    """
    answer = served.post(ECHO, echo(dtype, f"[{sent}]"))
    assert (answer.status, answer.body.decode()) == (200, rows(expected))


def test_of_two_equal_keys_the_first_counts_unless_they_are_refused(served):
    """rapidjson/document.h: FindMember; refusing is safer, for rows shift otherwise."""
    body = '{"signature_name": "float", "instances": [1], "instances": [2]}'
    answer = served.post(ECHO, body)
    if answer.status != 400:
        assert (answer.status, answer.body.decode()) == (200, rows("1.0"))
    else:
        assert "instances" in answer.error


def test_bytes_that_are_no_utf_8_pass_unless_they_are_refused(served):
    """json_tensor.cc parses and writes without validating; no JSON has such bytes."""
    body = b'{"signature_name": "string", "instances": ["a\xff"]}'
    answer = served.post(ECHO, body)
    if answer.status != 400:
        assert (answer.status, answer.body) == (
            200,
            b'{\n    "predictions": ["a\xff"\n    ]\n}',
        )
    else:
        assert "Invalid encoding in string" in answer.error


def test_gzip_bodies_are_unpacked(served):
    """util/net_http/server/internal/evhttp_server_test.cc: gzip request."""
    body = gzip.compress(echo("float", "[1.5]").encode())
    answer = served.http("POST", ECHO, body, {"Content-Encoding": "gzip"})
    assert (answer.status, answer.body.decode()) == (200, rows("1.5"))


def test_gzip_bodies_that_are_none_are_refused(served):
    """util/net_http/server/internal/evhttp_server_test.cc."""
    answer = served.http("POST", ECHO, b"no gzip", {"Content-Encoding": "gzip"})
    assert answer.status == 400

"""Bodies as JSON: what is read, what is refused and in which words."""

import math

import pytest

from serving.server.rest.json_text import check_names_once, parse_object
from serving.server.status import Code, ServingError


def refusal(body: bytes) -> str:
    with pytest.raises(ServingError) as caught:
        parse_object(body)
    assert caught.value.code is Code.INVALID_ARGUMENT
    return caught.value.message


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": 1}', 1),
        (b'{"a": 1.5}', 1.5),
        (b'{"a": -0}', 0),
        (b' \r\n\t{"a": [true, null]} \n', [True, None]),
        (b'\xef\xbb\xbf{"a": "marked"}', "marked"),
        (b'{"a": Infinity}', math.inf),
        (b'{"a": -Infinity}', -math.inf),
        (b'{"a": Inf}', math.inf),
        (b'{"a": -Inf}', -math.inf),
        (b'{"a": "NaN and Inf, -NaN", "b": Inf}', "NaN and Inf, -NaN"),
        (b'{"a": "\\"Inf", "b": NaN}', '"Inf'),
        (b'{"a": 18446744073709551615}', 2**64 - 1),
        (b'{"a": 18446744073709551615, "b": NaN}', 2**64 - 1),
        (b'{"a": -9223372036854775808, "b": NaN}', -(2**63)),
        (b'{"a": 18446744073709551616}', 2.0**64),
        (b'{"a": 18446744073709551616, "b": NaN}', 2.0**64),
        (b'{"a": -9223372036854775809, "b": NaN}', -(2.0**63)),
        ('{"a": "Zürich 北京"}'.encode(), "Zürich 北京"),
        (b'{"a": "\\ud83d\\ude00", "b": NaN}', "\U0001f600"),
    ],
)
def test_reads(body, value):
    found = parse_object(body)["a"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("body", [b'{"a": NaN}', b'{"a": -NaN}'])
def test_reads_nan(body):
    assert math.isnan(parse_object(body)["a"])


@pytest.mark.parametrize(
    ("body", "words", "offset"),
    [
        (b"instances = [1]", "Invalid value.", 0),
        (b'{"a": tru}', "Invalid value.", 6),
        (b'{"a": [1, 2}', "Missing a comma or ] after an array element.", 11),
        (b'{"a": 1 "b": 2}', "Missing a comma or } after an object member.", 8),
        (b'{"a": [1.]}', "Miss fraction part in number.", 9),
        (b'{"a": [-1.5e+]}', "Miss exponent in number.", 13),
        (b'{"a": [1.5 .5]}', "Missing a comma or ] after an array element.", 11),
        (b'{"a" 1}', "Missing a colon after a name of object member.", 5),
        (b"{1: 2}", "Missing a name for object member.", 1),
        (b'{"a": 1,}', "Missing a name for object member.", None),
        (b'{"a": [1,]}', "Invalid value.", None),
        (b'{"a": "b', "Missing a closing quotation mark in string.", None),
        (b'{"a": "\\x"}', "Invalid escape character in string.", None),
        (b'{"a": "\\u12g4"}', "Incorrect hex digit after \\u escape in", None),
        (b'{"a": "\x01"}', "Invalid encoding in string.", None),
        (b'{"a": "\xff"}', "Invalid encoding in string.", 7),
        (b'{"a": 1} trailing', "must not be followed by other values.", 8),
        (b'{"a": 1}{"a": 2}', "must not be followed by other values.", 8),
    ],
)
def test_names_the_fault(body, words, offset):
    message = refusal(body)
    assert message.startswith("JSON Parse error: ")
    assert words in message
    if offset is not None:
        assert message.endswith(f" at offset: {offset}")


@pytest.mark.parametrize("body", [b"", b"   \n", b"\xef\xbb\xbf"])
def test_empty(body):
    assert refusal(body) == "JSON Parse error: The document is empty"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"[1]", "JSON Value: [\n    1\n] Is not object"),
        (b"3", "JSON Value: 3 Is not object"),
        (b"0.5", "JSON Value: 0.5 Is not object"),
        (b"null", "JSON Value: null Is not object"),
        (b'"text"', 'JSON Value: "text" Is not object'),
        (b"NaN", "JSON Value: NaN Is not object"),
    ],
)
def test_no_object(body, words):
    assert refusal(body) == words


def test_numbers_beyond_a_double_are_refused():
    assert "Number too big to be stored in double." in refusal(b'{"a": 1e400}')
    assert "Number too big" in refusal(b'{"a": ' + b"9" * 5000 + b"}")


def test_half_a_surrogate_pair_is_refused():
    assert "surrogate pair" in refusal(b'{"a": "\\ud800"}')
    assert "surrogate pair" in refusal(b'{"\\udc00": NaN}')


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_endless_nesting_is_refused(opening):
    assert "JSON Parse error" in refusal(b'{"a": ' + opening * 200_000)


def test_long_values_are_cut_in_messages():
    message = refusal(b"[" + b"1," * 5000 + b"1]")
    assert len(message) < 1100
    assert "… Is not object" in message


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b'{"a": 1, "a": 2}', "a"),
        (b'{"x": [{"b": 1, "c": 2, "b": 1}]}', "b"),
        (b'{"x": {"b" \t: 1, "b"\n: 1}}', "b"),
        (b'{"x": "12:30", "x": "1:2"}', "x"),
        (b'{"x": Inf, "x": "1:2"}', "x"),
        (b'{"x": {"\\u0061": 1, "a": 1}}', "a"),
    ],
)
def test_a_name_given_twice_is_refused(body, name):
    document = parse_object(body)
    with pytest.raises(ServingError, match=f"has the name {name} twice"):
        check_names_once(body, document, len(document))


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": 1, "b": {"a": 1}}',
        b'{"a": ":::\\":", "b": ["x:y", {"c": "\\\\"}]}',
        b'{"a": "\\"a\\":", "b": {"c": ":"}}',
    ],
)
def test_colons_and_quotes_in_text_are_no_names(body):
    document = parse_object(body)
    check_names_once(body, document, len(document))

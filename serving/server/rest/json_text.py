"""Reads a request's JSON as TF Serving reads it.

TF Serving parses with RapidJSON and kParseNanAndInfFlag: NaN, Inf and Infinity are
numbers, a byte order mark is skipped, a number too large for a double is refused.
orjson reads what is plain JSON; the rest goes through `json`, with RapidJSON's words
for what is wrong.

Two things are stricter: a name given twice in one object is refused (RapidJSON keeps
both and TF Serving takes the first, or shifts the values of all later rows), and so is
text that is not UTF-8.

Source: tensorflow_serving/util/json_tensor.cc, ParseJson; rapidjson/error/en.h.
"""

import json
import math
import re
from typing import Any

import orjson

from serving.server.rest.json_value import value_text
from serving.server.status import Code, ServingError

_BLANK = " \t\r\n"
_MOST_DIGITS = len(str((1 << 64) - 1))
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_STRING = r'"(?:[^"\\]|\\.)*"'
_TOKEN = re.compile(_STRING + r"|-NaN|-?Inf(?:inity)?")
_NAME = re.compile(rb'"(?:[^"\\]|\\.)*"(\s*:)?', re.DOTALL)
_UNFINISHED = re.compile(r"(?<=\d)(?:\.|[eE][-+]?)")
_BRACKET = re.compile(_STRING + r'|[\[\]{}]|"', re.DOTALL)
_CONSTANTS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_NESTED = (dict, list)
_TRAILING = "The document root must not be followed by other values."
_WORDS = (
    ("Expecting value", "Invalid value."),
    ("Expecting ':'", "Missing a colon after a name of object member."),
    ("Expecting property name", "Missing a name for object member."),
    (
        "Illegal trailing comma before end of object",
        "Missing a name for object member.",
    ),
    ("Illegal trailing comma before end of array", "Invalid value."),
    ("Unterminated string", "Missing a closing quotation mark in string."),
    ("Invalid control character", "Invalid encoding in string."),
    ("Invalid \\u", "Incorrect hex digit after \\u escape in string."),
    ("Invalid \\", "Invalid escape character in string."),
)


def parse_object(body: bytes) -> dict[str, Any]:
    """Parses a request's body.

    Args:
        body: UTF-8, at most as deep as the parsers allow (about 1,000 levels).

    Returns:
        The JSON object; whole numbers beyond 64 bits are float, as in RapidJSON.

    Raises:
        ServingError: INVALID_ARGUMENT: it is empty, no JSON, or no object.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = _parse_leniently(body)
    if type(document) is not dict:
        raise _invalid(f"JSON Value: {value_text(document)} Is not object")
    return document


def check_names_once(body: bytes, document: Any, known_names: int) -> None:
    """Refuses a body that gives a name twice in one object.

    A parsed document no longer shows it; the body has more names than the document
    then. Every name is followed by a colon, and it and every string stand between two
    quotation marks, so most bodies cost a count or two.

    Args:
        body: What was parsed.
        document: What came of it.
        known_names: Names in all objects of the document, where the caller knows
            them; fewer costs a slower check.

    Raises:
        ServingError: INVALID_ARGUMENT, with the name.
    """
    if body.count(b":") <= known_names:
        return
    num_names, num_strings = _count_quoted(document)
    if body.count(b'"') == 2 * (num_names + num_strings):
        return
    if sum(1 for colon in _NAME.findall(body) if colon) > num_names:
        _UNIQUE_DECODER.raw_decode(_readable(body))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _invalid(f"JSON object: has the name {twice} twice")
    return found


def _count_quoted(document: Any) -> tuple[int, int]:
    """Names in all objects, and strings that are values, at any depth."""
    num_names, num_strings, waiting = 0, 0, [document]
    while waiting:
        value = waiting.pop()
        if type(value) is dict:
            num_names += len(value)
            value = list(value.values())
        types = list(map(type, value))
        num_strings += types.count(str)
        if dict in types or list in types:
            waiting.extend(inner for inner in value if type(inner) in _NESTED)
    return num_names, num_strings


def _readable(body: bytes) -> str:
    """The body as `json` reads it, from its first value on."""
    try:
        text = body.removeprefix(_BYTE_ORDER_MARK).decode()
    except UnicodeDecodeError as error:
        raise _parse_error("Invalid encoding in string.", error.start) from error
    return _TOKEN.sub(_python_constant, text.lstrip(_BLANK))


def _parse_leniently(body: bytes) -> Any:
    text = _readable(body)
    if not text:
        raise _invalid("JSON Parse error: The document is empty")
    try:
        document, end = _DECODER.raw_decode(text)
    except json.JSONDecodeError as error:
        raise _worded(text, error) from error
    except RecursionError as error:
        raise _invalid(
            "JSON Parse error: The document is nested too deeply."
        ) from error
    if text[end:].strip(_BLANK):
        raise _parse_error(_TRAILING, len(text[:end].encode()))
    _check_surrogates(document)
    return document


def _python_constant(match: re.Match[str]) -> str:
    """RapidJSON's Inf and -NaN in `json`'s words; strings as they are."""
    found = match.group()
    if found.startswith('"'):
        return found
    if found.endswith("NaN"):
        return "NaN"
    return "-Infinity" if found.startswith("-") else "Infinity"


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise _invalid("JSON Parse error: Number too big to be stored in double.")
    return value


def _whole(text: str) -> int | float:
    """A number of 64 bits; a float beyond, however many digits it has."""
    if len(text) <= _MOST_DIGITS:
        value = int(text)
        if -(1 << 63) <= value < 1 << 64:
            return value
    return _finite(text)


_DECODER = json.JSONDecoder(
    parse_float=_finite, parse_int=_whole, parse_constant=_CONSTANTS.__getitem__
)
_UNIQUE_DECODER = json.JSONDecoder(object_pairs_hook=_unique)


def _check_surrogates(document: Any) -> None:
    try:
        orjson.dumps(document)
    except (TypeError, RecursionError) as error:
        raise _invalid(
            "JSON Parse error: The surrogate pair in string is invalid."
        ) from error


def _worded(text: str, error: json.JSONDecodeError) -> ServingError:
    place = error.pos
    offset = len(text[:place].encode("utf-8", "surrogatepass"))
    for start, words in _WORDS:
        if error.msg.startswith(start):
            return _parse_error(words, offset)
    unfinished = _UNFINISHED.match(text, place)
    if unfinished:
        part = "fraction part" if unfinished.group() == "." else "exponent"
        return _parse_error(f"Miss {part} in number.", offset + len(unfinished.group()))
    kind = (
        "} after an object member."
        if _in_object(text[:place])
        else ("] after an array element.")
    )
    return _parse_error(f"Missing a comma or {kind}", offset)


def _in_object(text: str) -> bool:
    """Whether the innermost bracket that is open at the end is a brace."""
    opened: list[str] = []
    for bracket in _BRACKET.findall(text):
        if bracket in ("[", "{"):
            opened.append(bracket)
        elif bracket in ("]", "}") and opened:
            opened.pop()
    return bool(opened) and opened[-1] == "{"


def _parse_error(words: str, offset: int) -> ServingError:
    return _invalid(f"JSON Parse error: {words} at offset: {offset}")


def _invalid(message: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, message)

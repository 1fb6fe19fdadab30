"""Lays texts out as TF Serving's JSON writer does.

RapidJSON's PrettyWriter puts every value on a line of its own, four spaces a level.
For the values of a row TF Serving turns that off inside lists (kFormatSingleLineArray),
but not inside objects, and turns it on again before the closing bracket:

    {
        "predictions": [2.5, 3.0
        ]
    }

Source: rapidjson/prettywriter.h; tensorflow_serving/util/json_tensor.cc.
"""

import base64
import math
import re
from collections.abc import Sequence
from json.encoder import encode_basestring
from typing import Any

import numpy.typing as npt

from serving.server.rest.decimals import float_texts
from serving.server.status import Code, ServingError

_INDENT = "    "
_ESCAPE = re.compile(r"\\(?:u[0-9a-f]{4}|.)")
_PRINTED_WHOLE = {"int8", "int16", "int32", "int64", "uint8", "uint32", "uint64"}


def string_text(text: str) -> str:
    """Returns a JSON string; text that is not ASCII stays as it is."""
    written = encode_basestring(text)
    # RapidJSON writes the digits of an escape in capitals.
    return _ESCAPE.sub(_capitals, written) if "\\u" in written else written


def _capitals(match: re.Match[str]) -> str:
    escape = match.group()
    return rf"\u{escape[2:].upper()}" if escape[1] == "u" else escape


def element_texts(
    values: npt.NDArray[Any], depth: int | None, *, as_base64: bool
) -> list[str]:
    r"""Returns the JSON of an array's elements, in order.

    Args:
        values: Any shape; text as object (bytes). Bytes that are no UTF-8 become
            U+FFFD where they are not written as base64.
        depth: Brackets open around an element; only {"b64": …} needs it.
        as_base64: Whether text is written as {"b64": …}.

    Raises:
        ServingError: INVALID_ARGUMENT: JSON has no such elements.
    """
    dtype = values.dtype
    if dtype.kind == "f":
        return float_texts(values)
    if dtype.kind in "OSU":
        held = values.ravel().tolist()
        # A classifier's labels: a few values, each many times.
        texts = {value: _as_bytes(value) for value in set(held)}
        if as_base64:
            written = {v: _base64_text(text, depth or 0) for v, text in texts.items()}
        else:
            written = {
                v: string_text(text.decode(errors="replace"))
                for v, text in texts.items()
            }
        return [written[value] for value in held]
    if dtype.kind == "b":
        return ["true" if value else "false" for value in values.ravel().tolist()]
    if dtype.name in _PRINTED_WHOLE:
        return list(map(str, values.ravel().tolist()))
    raise ServingError(
        Code.INVALID_ARGUMENT,
        f"Failed to write JSON value for tensor type: {dtype.name}",
    )


def one_line_lists(texts: list[str], shape: Sequence[int], count: int) -> list[str]:
    """Returns `count` lists of texts, each nested as `shape` says, on one line."""
    for place in range(len(shape) - 1, -1, -1):
        size, number = shape[place], count * math.prod(shape[:place])
        texts = [f"[{', '.join(held)}]" for held in _chunks(texts, size, number)]
    return texts


def pretty_lists(texts: list[str], shape: Sequence[int], depth: int) -> str:
    """Returns texts nested as `shape` says, every one on its own line.

    Args:
        texts: One an element.
        shape: Sizes; empty for a scalar.
        depth: Brackets open around the outermost list.
    """
    for place in range(len(shape) - 1, -1, -1):
        size, number = shape[place], math.prod(shape[:place])
        outer = "\n" + _INDENT * (depth + place)
        inner = outer + _INDENT
        texts = [
            f"[{inner}{f',{inner}'.join(held)}{outer}]" if held else "[]"
            for held in _chunks(texts, size, number)
        ]
    return texts[0]


def _chunks(texts: list[str], size: int, number: int) -> list[list[str]]:
    return [texts[place * size : (place + 1) * size] for place in range(number)]


def pretty_object(members: Sequence[tuple[str, str]], depth: int) -> str:
    """Returns an object of name and text, one a line.

    Args:
        members: In order.
        depth: Brackets open around it.
    """
    outer = "\n" + _INDENT * depth
    inner = outer + _INDENT
    lines = f",{inner}".join(f"{string_text(name)}: {text}" for name, text in members)
    return f"{{{inner}{lines}{outer}}}"


def _as_bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


def _base64_text(value: bytes, depth: int) -> str:
    encoded = base64.b64encode(value).decode()
    return pretty_object([("b64", f'"{encoded}"')], depth)


def first_size(values: npt.NDArray[Any]) -> int:
    """Returns an array's batch size; -1 for a scalar, which has none."""
    return int(values.shape[0]) if values.ndim else -1

"""Reads JSON into frozen dataclasses; every wrong field is named."""

import functools
import json
import math
from typing import Any

from pydantic import TypeAdapter, ValidationError

_SHOWN_CHARACTERS = 60
# Building one takes ten times as long as reading a contract with it.
_reader: Any = functools.cache(TypeAdapter)


class FormatError(ValueError):
    """A document is not what it should be; the text names field and value."""


def parse_json(text: bytes) -> dict[str, Any]:
    """Parses one JSON object as RFC 8259 has it.

    Raises:
        FormatError: It is no JSON object, no UTF-8, holds a name twice, NaN,
            Infinity, or a number too large for a float64.
    """
    try:
        document = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_float=_finite,
            parse_constant=_no_constant,
        )
    except FormatError:
        raise
    except (ValueError, RecursionError) as error:  # no UTF-8; no JSON; a huge number
        raise FormatError(f"it is no JSON: {error}.") from error
    if not isinstance(document, dict):
        raise FormatError(f"it is a JSON {type(document).__name__}, no object.")
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise FormatError(f"it holds the name {twice!r} twice.")
    return found


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise FormatError(f"it holds {text[:_SHOWN_CHARACTERS]}, too large a number.")
    return value


def _no_constant(name: str) -> Any:
    raise FormatError(f"it holds {name}, which JSON does not know.")


def decode[T](kind: type[T], document: dict[str, Any]) -> T:
    """Turns a parsed JSON object into a dataclass; no value is converted.

    Raises:
        FormatError: A field is missing, unknown or of another type; the first of
            them is named by its path, with the value that came.
    """
    try:
        found: T = _reader(kind).validate_json(json.dumps(document), strict=True)
    except RecursionError as error:
        raise FormatError("it is nested too deeply.") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        if not place:  # nested too deeply; half of a surrogate pair
            raise FormatError(f"{first['msg']}.") from error
        if first["type"] == "missing":
            raise FormatError(f"field {place!r} is missing.") from error
        if first["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
            raise FormatError(f"field {place!r} is not known.") from error
        came = json.dumps(first["input"], default=str)[:_SHOWN_CHARACTERS]
        raise FormatError(f"field {place!r} is {came}: {first['msg']}.") from error
    return found

"""JSON values as TF Serving names and prints them in its messages.

Source: tensorflow_serving/util/json_tensor.cc, JsonTypeString and JsonValueToString.
"""

import json
import struct
from typing import Any

from serving.server.rest.decimals import float32_text, float64_text

LARGEST_SINGLE = 3.4028234663852886e38
"""The largest finite float32."""

_SHOWN_CHARACTERS = 1000
_TYPES = {
    type(None): "Null",
    dict: "Object",
    list: "Array",
    str: "String",
    int: "Number",
    float: "Number",
}
_WRITER = json.JSONEncoder(indent=4, ensure_ascii=False)


def type_name(value: Any) -> str:
    """Returns RapidJSON's name of a value's type."""
    if isinstance(value, bool):
        return "True" if value else "False"
    return _TYPES[type(value)]


def value_text(value: Any) -> str:
    """Returns a value as RapidJSON's PrettyWriter prints it.

    TF Serving prints all of it; here it ends after 1,000 characters.
    """
    if isinstance(value, float):
        is_single = -LARGEST_SINGLE <= value <= LARGEST_SINGLE
        return float32_text(_single(value)) if is_single else float64_text(value)
    shown = ""
    for part in _WRITER.iterencode(value):
        shown += part
        if len(shown) > _SHOWN_CHARACTERS:
            return shown[:_SHOWN_CHARACTERS] + "…"
    return shown


def is_base64(value: Any) -> bool:
    """Whether it is {"b64": "…"}, with no other key."""
    return type(value) is dict and len(value) == 1 and type(value.get("b64")) is str


def is_object(value: Any) -> bool:
    """Whether it is an object of names and values, and no {"b64": "…"}."""
    return type(value) is dict and not is_base64(value)


def _single(value: float) -> float:
    [single] = struct.unpack("f", struct.pack("f", value))
    return float(single)

"""Which JSON value may become an element of which tensor.

    float, double   any number; a whole number only while every whole number up to it
                    has its own float, 2**24 - 1 and 2**53 - 1
    (u)int8…64      a number without fraction or exponent, in range
    string          a string, or {"b64": "…"}
    bool            true, false

TF Serving takes 300 for an int8 and wraps it; here it is refused.
Source: tensorflow_serving/util/json_tensor.cc, AddValueToTensor and IsLosslessDecimal.
"""

import base64
import binascii
import enum
import math
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from serving.server.rest.json_value import (
    LARGEST_SINGLE,
    is_base64,
    type_name,
    value_text,
)
from serving.server.status import Code, ServingError


class Kind(enum.Enum):
    """How an element's JSON value is checked."""

    FLOAT = enum.auto()
    WHOLE = enum.auto()
    TEXT = enum.auto()
    BOOL = enum.auto()
    UNKNOWN = enum.auto()


@dataclass(frozen=True, kw_only=True, slots=True)
class ElementType:
    """What an element of a tensor may be.

    Attributes:
        name: TensorFlow's, such as "float".
        dtype: numpy's; object for text.
        kind: Which values it takes.
        low, high: Inclusive range of a number.
        max_whole: FLOAT: the largest whole number that is taken.
    """

    name: str
    dtype: np.dtype[Any]
    kind: Kind
    low: float = 0
    high: float = 0
    max_whole: int = 0


def _float_type(name: str, dtype: type, largest: float, digits: int) -> ElementType:
    return ElementType(
        name=name,
        dtype=np.dtype(dtype),
        kind=Kind.FLOAT,
        low=-largest,
        high=largest,
        max_whole=(1 << digits) - 1,
    )


def _whole_type(dtype: type) -> ElementType:
    limits = np.iinfo(dtype)
    return ElementType(
        name=np.dtype(dtype).name,
        dtype=np.dtype(dtype),
        kind=Kind.WHOLE,
        low=int(limits.min),
        high=int(limits.max),
    )


_TYPES = {
    1: _float_type("float", np.float32, LARGEST_SINGLE, 24),
    2: _float_type("double", np.float64, sys.float_info.max, 53),
    3: _whole_type(np.int32),
    4: _whole_type(np.uint8),
    5: _whole_type(np.int16),
    6: _whole_type(np.int8),
    7: ElementType(name="string", dtype=np.dtype(object), kind=Kind.TEXT),
    9: _whole_type(np.int64),
    10: ElementType(name="bool", dtype=np.dtype(bool), kind=Kind.BOOL),
    22: _whole_type(np.uint32),
    23: _whole_type(np.uint64),
}
"""By TensorFlow's DataType (tensorflow/core/framework/types.proto)."""

_OTHERS = {
    8: "complex64", 11: "qint8", 12: "quint8", 13: "qint32", 14: "bfloat16",
    15: "qint16", 16: "quint16", 17: "uint16", 18: "complex128", 19: "half",
    20: "resource", 21: "variant",
}  # fmt: skip


def element_type(tf_dtype: int) -> ElementType:
    """Returns the type of TensorFlow's DataType; those JSON cannot give are UNKNOWN."""
    known = _TYPES.get(tf_dtype)
    if known is not None:
        return known
    name = _OTHERS.get(tf_dtype, f"unknown dtype enum ({tf_dtype})")
    return ElementType(name=name, dtype=np.dtype(object), kind=Kind.UNKNOWN)


def element_value(value: Any, element: ElementType) -> Any:
    """Returns what a JSON value that is no list becomes in a tensor.

    Args:
        value: As parsed.
        element: Of the tensor.

    Raises:
        ServingError: INVALID_ARGUMENT: it is of another type, or would not keep its
            value. UNIMPLEMENTED: no JSON value becomes such an element.
    """
    if type(value) is dict:
        if element.kind is not Kind.TEXT:
            raise _type_error(value, element)
        return decode_base64(value)
    return _CHECKS[element.kind](value, element)


def decode_base64(value: dict[str, Any]) -> bytes:
    """Returns the bytes of {"b64": "…"}; the padding may be missing.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    if not is_base64(value):
        raise _invalid(
            f"JSON Value: {value_text(value)} not formatted correctly for base64 data"
        )
    text = "".join(value["b64"].split())
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise _invalid("Unable to base64 decode") from error


def check_single(value: float) -> float:
    """Returns a number that a float32 can hold.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    return _float(value, _TYPES[1])


def _float(value: Any, element: ElementType) -> float:
    if type(value) is int:
        is_kept = -element.max_whole <= value <= element.max_whole
    elif type(value) is float:
        is_kept = element.low <= value <= element.high or not math.isfinite(value)
    else:
        raise _type_error(value, element)
    if not is_kept:
        raise _invalid(
            f"Cannot convert JSON value: {value_text(value)} to {element.name} "
            "without loss of precision."
        )
    return float(value)


def _whole(value: Any, element: ElementType) -> int:
    if type(value) is not int or not element.low <= value <= element.high:
        raise _type_error(value, element)
    return value


def _text(value: Any, element: ElementType) -> bytes:
    if type(value) is not str:
        raise _type_error(value, element)
    return value.encode()


def _bool(value: Any, element: ElementType) -> bool:
    if type(value) is not bool:
        raise _type_error(value, element)
    return value


def _unknown(value: Any, element: ElementType) -> Any:
    raise ServingError(
        Code.UNIMPLEMENTED,
        f"Conversion of JSON Value: {value_text(value)} to type: {element.name}",
    )


_CHECKS = {
    Kind.FLOAT: _float,
    Kind.WHOLE: _whole,
    Kind.TEXT: _text,
    Kind.BOOL: _bool,
    Kind.UNKNOWN: _unknown,
}


def _type_error(value: Any, element: ElementType) -> ServingError:
    return _invalid(
        f"JSON Value: {value_text(value)} Type: {type_name(value)} "
        f"is not of expected type: {element.name}"
    )


def _invalid(message: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, message)

"""Floats as TF Serving writes them into JSON.

Six significant digits where they read back as the same number, else as many as the
type can need (9 for float32, 17 for float64); "%g"'s notation, ".0" after a whole
number that has no exponent; NaN, Infinity and -Infinity bare. Every text here equals
TF Serving's, byte for byte: 9e+06, 3e-05, 999999.0, 0.1, 0.123456791.

Source: tensorflow_serving/util/json_tensor.cc, WriteDecimal; absl::StrCat.
"""

import math
import struct
from typing import Any

import numpy as np
import numpy.typing as npt

_SINGLE = struct.Struct("f").pack
_FEW = 24
"""Up to here a loop in Python is faster than numpy; measured."""

_EXACT_LOW, _EXACT_HIGH = 1e-16, 1e27
"""Between them 10 ** (5 - exponent) is exact in a float64, and so is the check."""

_WHOLE, _SIX, _LONG = 0, 1, 2


def float32_text(value: float) -> str:
    """Returns the text of one float32.

    Args:
        value: Exactly a float32's value.
    """
    if not math.isfinite(value):
        return _unusual(value)
    text = f"{value:.6g}"
    if _SINGLE(float(text)) != _SINGLE(value):
        text = f"{value:.9g}"
    return text if "." in text or "e" in text else text + ".0"


def float64_text(value: float) -> str:
    """Returns the text of one float64."""
    if not math.isfinite(value):
        return _unusual(value)
    text = f"{value:.6g}"
    if float(text) != value:
        text = f"{value:.17g}"
    return text if "." in text or "e" in text else text + ".0"


def _unusual(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def float_texts(values: npt.NDArray[Any]) -> list[str]:
    """Returns the texts of an array's values in order.

    Args:
        values: float16, float32 or float64, any shape.
    """
    is_double = values.dtype == np.float64
    if values.size <= _FEW:
        write = float64_text if is_double else float32_text
        return [write(value) for value in values.ravel().tolist()]
    flat = values.ravel() if is_double else values.ravel().astype(np.float32)
    wide = flat.astype(np.float64)
    size = np.abs(wide)
    is_easy = (size > _EXACT_LOW) & (size < _EXACT_HIGH)
    if not is_easy.all():
        return _mixed_texts(wide, is_easy, is_double=is_double)
    return _easy_texts(wide, size, is_double=is_double)


def _mixed_texts(
    wide: npt.NDArray[Any], is_easy: npt.NDArray[Any], *, is_double: bool
) -> list[str]:
    """Zeros, NaN and very large or small numbers one by one, the rest together."""
    write = float64_text if is_double else float32_text
    easy = wide[is_easy]
    together = iter(_easy_texts(easy, np.abs(easy), is_double=is_double))
    return [
        next(together) if easy_one else write(value)
        for easy_one, value in zip(is_easy.tolist(), wide.tolist(), strict=True)
    ]


def _easy_texts(
    wide: npt.NDArray[Any], size: npt.NDArray[Any], *, is_double: bool
) -> list[str]:
    if not wide.size:
        return []
    kind = np.where(_six_digits_suffice(wide, size, is_double=is_double), _SIX, _LONG)
    limit = np.where(kind == _SIX, 1e6, 1e17 if is_double else 1e9)
    kind[(np.rint(wide) == wide) & (size < limit)] = _WHOLE
    formats = ("%.1f", "%.6g", "%.17g" if is_double else "%.9g")
    pattern = " ".join([formats[one] for one in kind.tolist()])
    return (pattern % tuple(wide.tolist())).split(" ")


def _six_digits_suffice(
    wide: npt.NDArray[Any], size: npt.NDArray[Any], *, is_double: bool
) -> npt.NDArray[np.bool_]:
    """Whether the nearest number of six digits reads back as the same value.

    A whole number below 10 ** 6 divided or multiplied by an exact power of ten is
    rounded once, as a parser rounds the text.
    """
    shift = 5 - np.floor(np.log10(size))
    up, down = 10.0 ** np.maximum(shift, 0), 10.0 ** np.maximum(-shift, 0)
    nearest = np.rint(wide * up / down) / up * down
    dtype = np.float64 if is_double else np.float32
    is_same: npt.NDArray[np.bool_] = nearest.astype(dtype) == wide.astype(dtype)
    return is_same

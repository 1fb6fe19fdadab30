"""Tells which rows of an answer are not what a golden batch expects."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.bundle.golden_batch import Tolerance, Value

# An int of more bits fits no float64.
_MAX_BITS = 1023


def differing_rows(
    got: npt.NDArray[Any], expected: Sequence[Value], tolerance: Tolerance
) -> npt.NDArray[np.bool_]:
    """Compares an answer with what a golden batch expects, row by row.

    Args:
        got: [rows] or [rows, n]. Float, whole numbers, bool, or bytes (object).
        expected: A value, or a list of values, for each of the rows.
        tolerance: For floats; NaN equals nothing. All else must be equal, and a value
            of another kind or form is never equal: 0.5 is no whole number.

    Returns:
        bool [rows].
    """
    if got.dtype.kind != "f":
        return np.array(
            [
                not _is_equal(left, right)
                for left, right in zip(_as_texts(got.tolist()), expected, strict=True)
            ],
            dtype=bool,
        )
    differs = np.array([not _has_form(value, got.shape[1:]) for value in expected])
    if not differs.any():
        with np.errstate(over="ignore"):
            wanted = np.array(expected, dtype=np.float64).astype(got.dtype)
        is_close = np.isclose(
            got, wanted, rtol=tolerance.relative, atol=tolerance.absolute
        )
        differs = ~is_close.reshape(len(got), -1).all(axis=1)
    return differs


def _as_texts(value: Any) -> Any:
    """Turns bytes into text, also in lists."""
    if isinstance(value, list):
        return [_as_texts(part) for part in value]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _is_equal(got: Any, expected: Value) -> bool:
    if isinstance(got, list):
        return (
            isinstance(expected, list)
            and len(got) == len(expected)
            and all(map(_is_equal, got, expected))
        )
    return type(got) is type(expected) and bool(got == expected)


def _has_form(value: Value, shape: tuple[int, ...]) -> bool:
    """Tells whether a value from JSON holds numbers only, in a shape."""
    if shape:
        return (
            isinstance(value, list)
            and len(value) == shape[0]
            and all(_has_form(part, shape[1:]) for part in value)
        )
    if isinstance(value, int) and not isinstance(value, bool):
        return value.bit_length() <= _MAX_BITS
    return isinstance(value, float)

"""Makes numpy arrays of Python values: strictly, so that nothing changes its meaning.

A whole number is taken where floats are wanted; a float is not where whole numbers
are, nor a number where text is, nor the reverse; and nothing that the dtype cannot
hold.
"""

from collections.abc import Mapping
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.client.tensor_types import BY_NAME

Array = npt.NDArray[Any]

# numpy's kind of a dtype to the Python types and the kinds of array that go into it.
_TYPES: Mapping[str, frozenset[type]] = {
    "f": frozenset((float, int)),
    "c": frozenset((complex, float, int)),
    "i": frozenset((int,)),
    "u": frozenset((int,)),
    "b": frozenset((bool,)),
    "O": frozenset((str, bytes)),
}
_KINDS = {"f": "fiu", "c": "cfiu", "i": "iu", "u": "iu", "b": "b", "O": ""}
_TEXT_KINDS = "OSU"
_SINGLE_TYPES = {float, int, str, bytes, bool, type(None)}


def strict_array(values: Any, type_name: str) -> Array:
    """Makes an array.

    Args:
        values: A numpy array, lists in lists, or a single value; text as str (it
            becomes UTF-8) or bytes. None is missing: NaN, or "" for text.
        type_name: TensorFlow's name of its dtype.

    Returns:
        Array of that dtype; text as object (bytes). Its shape is that of the values.

    Raises:
        ValueError: A value is of another kind or too large, None is there and the
            dtype has nothing for it, lists have different lengths, or numpy lacks the
            dtype. The text goes on after "input 'x' ".
    """
    known = BY_NAME.get(type_name)
    if known is None:
        raise ValueError(f"is {type_name}, which numpy has no type for.")
    dtype = known.dtype
    if isinstance(values, np.ndarray | np.generic):
        if values.dtype.kind in _KINDS[dtype.kind]:
            return _cast(np.asarray(values), dtype)
        if values.dtype.kind not in _TEXT_KINDS:
            raise ValueError(f"has {values.dtype}; expected {type_name}.")
    flat, shape = _flattened(values)
    if any(value is None for value in flat):
        missing = missing_value(type_name)
        flat = [missing if value is None else value for value in flat]
    for found in set(map(type, flat)) - _TYPES[dtype.kind]:
        raise ValueError(f"has {found.__name__}; expected {type_name}.")
    array = _texts(flat) if dtype.kind == "O" else _numbers(flat, dtype)
    return array.reshape(shape)


def missing_value(type_name: str) -> float | str:
    """Returns what stands for a missing value: NaN, or "" for text.

    Raises:
        ValueError: The dtype has nothing for it.

    Source: docs/bundle.md; the signatures that models/export.py writes.
    """
    known = BY_NAME.get(type_name)
    if known is not None and known.dtype.kind in "fc":
        return float("nan")
    if known is not None and known.dtype.kind == "O":
        return ""
    raise ValueError(
        f"has a missing value (None); {type_name} has nothing that stands for one."
    )


def _flattened(values: Any) -> tuple[list[Any], tuple[int, ...]]:
    """Returns the single values in order, as Python's types, and the shape."""
    if type(values) is list and set(map(type, values)) <= _SINGLE_TYPES:
        return values, (len(values),)
    level, shape = [_plain(values)], []
    while level and any(isinstance(value, list | tuple) for value in level):
        sizes = {len(v) if isinstance(v, list | tuple) else -1 for v in level}
        if len(sizes) > 1:
            raise ValueError(
                "has lists of different lengths, or lists beside single values."
            )
        shape.append(sizes.pop())
        level = [_plain(value) for value in chain.from_iterable(level)]
    return level, tuple(shape)


def _plain(value: Any) -> Any:
    # numpy's and pandas' arrays, and numpy's single values.
    return value.tolist() if hasattr(value, "tolist") else value


def _texts(flat: list[Any]) -> Array:
    array = np.empty(len(flat), object)
    try:
        array[:] = [v.encode() if isinstance(v, str) else v for v in flat]
    except UnicodeEncodeError as error:
        raise ValueError("has text that cannot be written as UTF-8.") from error
    return array


def _numbers(flat: list[Any], dtype: np.dtype[Any]) -> Array:
    wide = {"f": np.dtype(np.float64), "c": np.dtype(np.complex128)}
    try:
        array = np.array(flat, wide.get(dtype.kind, dtype))
    except OverflowError as error:
        raise _size_error(dtype) from error
    return _cast(array, dtype)


def _cast(array: Array, dtype: np.dtype[Any]) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        cast = array.astype(dtype)
    if dtype.kind in "iu":
        is_kept = bool((cast == array).all())
    else:
        is_finite = np.isfinite(cast)
        is_kept = bool(is_finite.all() or (is_finite == np.isfinite(array)).all())
    if not is_kept:
        raise _size_error(dtype)
    return cast


def _size_error(dtype: np.dtype[Any]) -> ValueError:
    return ValueError(f"has a value that is too large or too small for {dtype}.")

"""Turns one column of input, text or number, into what the model takes.

Texts come and go by their distinct values where they can: a batch of 8,192 airlines
holds 16, and checking, decoding and making Python objects of 16 is what makes this
quick.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadColumn:
    """A column as it was read.

    Attributes:
        values: float64 [rows] with NaN for missing, or object (bytes) with b"" for
            missing. Where is_bad holds, the value means nothing.
        is_missing: bool [rows].
        is_bad: bool [rows]. No number, or text that is no UTF-8. None for none.
    """

    values: npt.NDArray[Any]
    is_missing: Mask
    is_bad: Mask | None


def read_numbers(column: Any) -> ReadColumn:
    """Reads numbers, or the text of numbers as a CSV has it.

    Args:
        column: pyarrow array [rows] of numbers, of binary (a CSV's text), or of nulls.
            Null and NaN are missing; text must be as C++ reads it, without spaces.
    """
    is_bad = None
    if pa.types.is_null(column.type):
        values = np.full(len(column), np.nan)
    elif pa.types.is_binary(column.type):
        values, is_bad = _parse_numbers(column)
    else:
        values = _as_floats(column)
    is_missing = np.isnan(values)
    return ReadColumn(
        values=values,
        is_missing=is_missing if is_bad is None else is_missing & ~is_bad,
        is_bad=is_bad,
    )


def _as_floats(column: Any) -> npt.NDArray[np.float64]:
    floats = pc.fill_null(column.cast(pa.float64(), safe=False), np.nan)
    return np.asarray(floats.to_numpy(zero_copy_only=False))


def _parse_numbers(column: Any) -> tuple[npt.NDArray[np.float64], Mask | None]:
    try:
        return _as_floats(column.cast(pa.string()).cast(pa.float64())), None
    except pa.ArrowInvalid:
        pass  # one of them is no number: look at each distinct text
    encoded = column.dictionary_encode()
    numbers = [_parse_number(text) for text in encoded.dictionary.to_pylist()]
    parsed = np.array([0.0 if number is None else number for number in numbers])
    is_wrong = np.array([number is None for number in numbers], dtype=bool)
    places, is_null = _places(encoded)
    values = np.where(is_null, np.nan, np.append(parsed, np.nan)[places])
    return values, np.append(is_wrong, False)[places]


def _parse_number(text: bytes) -> float | None:
    try:
        return float(pa.scalar(text.decode("utf-8")).cast(pa.float64()).as_py())
    except (UnicodeDecodeError, pa.ArrowInvalid):
        return None


def read_texts(column: Any) -> ReadColumn:
    """Reads text.

    Args:
        column: pyarrow array [rows] of strings or binary, dictionary-encoded or not, or
            of nulls. Null and "" are missing.
    """
    if pa.types.is_null(column.type):
        column = column.cast(pa.binary())
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    distinct = column.dictionary.cast(pa.binary())
    is_wrong = _is_no_utf8(distinct)
    texts = np.empty(len(distinct) + 1, dtype=object)
    texts[:-1] = [text or b"" for text in distinct.to_pylist()]
    texts[-1] = b""
    places, _ = _places(column)
    is_empty = np.array([not text for text in texts], dtype=bool)
    return ReadColumn(
        values=texts[places],
        is_missing=is_empty[places],
        is_bad=None if is_wrong is None else np.append(is_wrong, False)[places],
    )


def _places(encoded: Any) -> tuple[npt.NDArray[np.int64], Mask]:
    """Returns places in the dictionary, the one behind its end for null."""
    count = len(encoded.dictionary)
    indices = pc.fill_null(encoded.indices.cast(pa.int64()), count)
    places = np.asarray(indices.to_numpy(zero_copy_only=False))
    return places, places == count


def _is_no_utf8(texts: Any) -> Mask | None:
    """Tells which binary values are no UTF-8; None if all are."""
    try:
        texts.cast(pa.string())
    except pa.ArrowInvalid:
        return np.array([not _is_utf8(text) for text in texts.to_pylist()], dtype=bool)
    return None


def _is_utf8(text: bytes | None) -> bool:
    try:
        (text or b"").decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def copy_column(column: Any, kind: Any) -> tuple[Any, Mask | None]:
    """Makes a column ready to be copied to the output.

    Args:
        column: pyarrow array [rows].
        kind: Its pyarrow type in the output.

    Returns:
        The column as that type, and which of its rows are no UTF-8 (their values
        become null); None if all are.
    """
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if not pa.types.is_binary(column.type) or pa.types.is_binary(kind):
        return column.cast(kind), None
    is_bad = _is_no_utf8(column)
    if is_bad is not None:
        column = pc.if_else(pa.array(is_bad), None, column)
    return column.cast(kind), is_bad

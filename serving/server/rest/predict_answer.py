"""A model's outputs become the body of a predict answer.

    {"predictions": [row, …]}   to the row format
    {"outputs": …}              to the columnar format

With one output a row is its value and `outputs` its array, with several an object of
them, in alphabetical order. Text of an output whose name ends with "_bytes" is written
as {"b64": …}.
Source: tensorflow_serving/util/json_tensor.cc, MakeJsonFromTensors.
"""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.server.core import Arrays
from serving.server.rest.json_layout import (
    element_texts,
    first_size,
    one_line_lists,
    pretty_lists,
    pretty_object,
)
from serving.server.status import Code, ServingError

_BYTES_SUFFIX = "_bytes"
_LIST_DEPTH = 2


def predict_answer(outputs: Arrays, *, is_row_format: bool) -> bytes:
    """Returns the body.

    Args:
        outputs: At least one array, text as object (bytes).
        is_row_format: Whether the request was in the row format.

    Raises:
        ServingError: INVALID_ARGUMENT: there is no output, the outputs' first sizes
            differ (row format), or JSON has no such element.
    """
    arrays = _by_name(outputs)
    if not is_row_format:
        return _columnar_format(arrays).encode()
    row_texts = _row_texts(arrays)
    return _row_format(row_texts, is_object=len(arrays) > 1)


def predict_answers(outputs: Arrays, sizes: Sequence[int]) -> list[bytes]:
    """Returns the bodies of several requests in the row format, whose rows ran as one.

    Args:
        outputs: As of predict_answer; rows of the requests in order.
        sizes: Rows of every request, >= 1 each; their sum is the outputs' first size.

    Raises:
        ServingError: As predict_answer does.
    """
    arrays = _by_name(outputs)
    row_texts = _row_texts(arrays)
    if len(row_texts) == len(sizes):  # a row each
        pattern = _row_format(["%s"], is_object=len(arrays) > 1)
        return [pattern % text.encode() for text in row_texts]
    bodies = []
    start = 0
    for size in sizes:
        texts = row_texts[start : start + size]
        bodies.append(_row_format(texts, is_object=len(arrays) > 1))
        start += size
    return bodies


def _by_name(outputs: Arrays) -> list[tuple[str, npt.NDArray[Any]]]:
    if not outputs:
        raise _invalid("Cannot convert empty tensor map to JSON")
    return [(name, np.asarray(outputs[name])) for name in sorted(outputs)]


def _row_texts(arrays: list[tuple[str, npt.NDArray[Any]]]) -> list[str]:
    """Returns the JSON of every row: its value, or an object of its values."""
    num_rows = _batch_size(arrays)
    is_object = len(arrays) > 1
    depth = _LIST_DEPTH + is_object
    columns = []
    for name, values in arrays:
        texts = element_texts(
            values,
            depth + values.ndim - 1,
            as_base64=name.endswith(_BYTES_SUFFIX),
        )
        if values.ndim > 1:
            texts = one_line_lists(texts, values.shape[1:], num_rows)
        columns.append(texts)
    if not is_object:
        return columns[0]
    pattern = _row_pattern(tuple([name for name, _ in arrays]))
    return [pattern % row for row in zip(*columns, strict=True)]


def _row_format(row_texts: Sequence[str], *, is_object: bool) -> bytes:
    if not row_texts:
        return b'{\n    "predictions": []\n}'
    if not is_object:
        return f'{{\n    "predictions": [{", ".join(row_texts)}\n    ]\n}}'.encode()
    rows = ",\n        ".join(row_texts)
    return f'{{\n    "predictions": [\n        {rows}\n    ]\n}}'.encode()


@functools.lru_cache(maxsize=1024)
def _row_pattern(names: tuple[str, ...]) -> str:
    """Returns a row's object with %s for every value."""
    members = [(name.replace("%", "%%"), "%s") for name in names]
    return pretty_object(members, _LIST_DEPTH)


def _batch_size(arrays: list[tuple[str, npt.NDArray[Any]]]) -> int:
    expected = -1
    for name, values in arrays:
        size = first_size(values)
        if size < 0:
            raise _invalid(f"Tensor name: {name} has no shape information ")
        if expected >= 0 and size != expected:
            raise _invalid(
                f"Tensor name: {name} has inconsistent batch size: {size} "
                f"expecting: {expected}"
            )
        expected = size
    return expected


def _columnar_format(arrays: list[tuple[str, npt.NDArray[Any]]]) -> str:
    depth = 1 + (len(arrays) > 1)
    members = []
    for name, values in arrays:
        texts = element_texts(
            values, depth + values.ndim, as_base64=name.endswith(_BYTES_SUFFIX)
        )
        members.append((name, pretty_lists(texts, values.shape, depth)))
    held = members[0][1] if len(members) == 1 else pretty_object(members, 1)
    return pretty_object([("outputs", held)], 0)


def _invalid(message: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, message)

"""A model's outputs become the body of a predict answer.

    {"predictions": [row, …]}   to the row format
    {"outputs": …}              to the columnar format

With one output a row is its value and `outputs` its array, with several an object of
them, in alphabetical order. Text of an output whose name ends with "_bytes" is written
as {"b64": …}.
Source: tensorflow_serving/util/json_tensor.cc, MakeJsonFromTensors.
"""

import functools
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
    if not outputs:
        raise _invalid("Cannot convert empty tensor map to JSON")
    arrays = [(name, np.asarray(outputs[name])) for name in sorted(outputs)]
    text = _row_format(arrays) if is_row_format else _columnar_format(arrays)
    return text.encode()


def _row_format(arrays: list[tuple[str, npt.NDArray[Any]]]) -> str:
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
    if not num_rows:
        return '{\n    "predictions": []\n}'
    if not is_object:
        return f'{{\n    "predictions": [{", ".join(columns[0])}\n    ]\n}}'
    pattern = _row_pattern(tuple([name for name, _ in arrays]))
    rows = ",\n        ".join([pattern % row for row in zip(*columns, strict=True)])
    return f'{{\n    "predictions": [\n        {rows}\n    ]\n}}'


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

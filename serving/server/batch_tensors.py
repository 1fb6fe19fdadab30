"""Puts requests' arrays together along the first axis, and answers apart again.

Source: tensorflow_serving/batching/batching_session.cc (MergeInputTensors,
SplitOutputTensors) and batching_util.cc (padding).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def merge(requests: Sequence[Sequence[Array]], *, pads_rows: bool) -> list[Array]:
    """Returns every input of the batch.

    Args:
        requests: One list a request: input [rows, …].
        pads_rows: Whether rows of different sizes are filled up with the first element
            of their array; else they have the same sizes.
    """
    if len(requests) == 1:
        return list(requests[0])
    columns = zip(*requests, strict=True)
    if pads_rows:
        return [np.concatenate(_same_sizes(column)) for column in columns]
    return [np.concatenate(column) for column in columns]


def fill_up(inputs: Sequence[Array], rows: int, wanted: int) -> list[Array]:
    """Returns inputs of `wanted` rows: the missing ones are copies of the first.

    Args:
        inputs: [rows, …].
        rows: >= 1.
        wanted: >= rows.
    """
    if wanted == rows:
        return list(inputs)
    return [
        np.concatenate([values, np.repeat(values[:1], wanted - rows, axis=0)])
        for values in inputs
    ]


def split(outputs: Sequence[Array], sizes: Sequence[int]) -> list[list[Array]]:
    """Returns the outputs of every request.

    Args:
        outputs: [rows, …]; rows beyond the sum of sizes are filling.
        sizes: Rows of every request.
    """
    if len(sizes) == 1:
        return [[values[: sizes[0]] for values in outputs]]
    answers = []
    start = 0
    for size in sizes:
        stop = start + size
        answers.append([values[start:stop] for values in outputs])
        start = stop
    return answers


def _same_sizes(column: Sequence[Array]) -> list[Array]:
    sizes = np.max([values.shape for values in column], axis=0)
    return [
        np.pad(
            values,
            [
                (0, 0),
                *(
                    (0, int(wanted) - size)
                    for wanted, size in zip(sizes[1:], values.shape[1:], strict=True)
                ),
            ],
            constant_values=values.flat[0] if values.size else _empty_value(values),
        )
        for values in column
    ]


def _empty_value(values: Array) -> Any:
    return b"" if values.dtype.kind == "O" else 0

r"""Rows whose text is one run of bytes instead of an object a value (joined_text).

text block   [rows, 2] object        b"UA", b"JFK", b"B6", b"BOS"
compact      one bytes object        b"UA\0JFK\0B6\0BOS"
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.prediction_log.joined_text import joined, parted
from serving.server.packed_rows import PackedRows, RowLayout

Block = npt.NDArray[Any] | bytes
"""[rows, inputs of the block], or its joined text."""


class CompactRows(Mapping[str, npt.NDArray[Any]]):
    """Rows whose every value is a scalar; a mapping of input name to array [rows].

    Attributes:
        layout: Which input stands where.
        blocks: Of the layout.
        num_rows: Of every block.
    """

    __slots__ = ("blocks", "layout", "num_rows")

    def __init__(self, layout: RowLayout, blocks: Sequence[Block], rows: int) -> None:
        """Takes as many blocks as the layout has."""
        self.layout = layout
        self.blocks = blocks
        self.num_rows = rows

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        number, column = self.layout.places[name]
        block = self.blocks[number]
        if isinstance(block, bytes):
            width = len(self.layout.blocks[number])
            values = np.empty(self.num_rows, object)
            values[:] = parted(block)[column::width]
            return values
        return block[:, column]

    def __iter__(self) -> Iterator[str]:
        return iter(self.layout.places)

    def __len__(self) -> int:
        return len(self.layout.places)


def compacted(rows: PackedRows) -> CompactRows:
    """Returns the same rows without an object a value, where that can be."""
    blocks: list[Block] = []
    for block in rows.blocks:
        if block.dtype.kind == "O" and block.size:
            run = joined(block.ravel().tolist())
            blocks.append(block if run is None else run)
        else:
            blocks.append(block)
    return CompactRows(rows.layout, blocks, rows.num_rows)


def compacted_columns(
    columns: Mapping[str, npt.NDArray[Any]],
) -> Mapping[str, npt.NDArray[Any]]:
    """Returns columns without an object a value, where each holds one value a row.

    Args:
        columns: Name to array [rows, …], numbers or object of bytes.
    """
    if not columns or any(values.ndim != 1 for values in columns.values()):
        return columns
    layout = _layout(tuple((name, values.dtype) for name, values in columns.items()))
    blocks = [values[:, np.newaxis] for values in columns.values()]
    return compacted(PackedRows(layout, blocks))


@functools.lru_cache(maxsize=256)
def _layout(columns: tuple[tuple[str, np.dtype[Any]], ...]) -> RowLayout:
    # Rows can be put together only if their layout is one object.
    return RowLayout([(name,) for name, _ in columns], [dtype for _, dtype in columns])

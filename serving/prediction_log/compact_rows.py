r"""Packed rows whose text is one run of bytes instead of an object a value.

    text block   [rows, 2] object        b"UA", b"JFK", b"B6", b"BOS"
    compact      one bytes object        b"UA\0JFK\0B6\0BOS"

A log that kept the objects would hold a kilobyte a row, scattered over memory, for as
long as the row waits, and whoever answers requests would find its caches cold. Joining
them costs a fifth of a microsecond a row. Text that holds NUL itself stays as it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from serving.server.packed_rows import PackedRows, RowLayout

_NUL = b"\0"
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
            values[:] = block.split(_NUL)[column::width]
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
            joined = _NUL.join(block.ravel().tolist())
            is_plain = joined.count(_NUL) == block.size - 1
            blocks.append(joined if is_plain else block)
        else:
            blocks.append(block)
    return CompactRows(rows.layout, blocks, rows.num_rows)


def merged_compact(parts: Sequence[CompactRows]) -> dict[str, Any]:
    """Returns all rows of one layout, in order.

    Returns:
        Input name to numpy array [rows], or to a pyarrow.BinaryArray where all of the
        parts' text is joined.
    """
    layout = parts[0].layout
    columns: dict[str, Any] = {}
    for number, names in enumerate(layout.blocks):
        held = [part.blocks[number] for part in parts]
        joined = [block for block in held if isinstance(block, bytes)]
        if len(joined) == len(held):
            columns.update(_text_columns(joined, names))
        elif joined:
            for name in names:
                columns[name] = np.concatenate([part[name] for part in parts])
        else:
            block = np.ascontiguousarray(np.concatenate(held).T)
            columns.update(zip(names, block, strict=True))
    return columns


def _text_columns(joined: Sequence[bytes], names: Sequence[str]) -> dict[str, Any]:
    content = np.frombuffer(_NUL.join([*joined, b""]), np.uint8)
    ends = np.flatnonzero(content == 0)
    offsets = np.concatenate([[0], ends - np.arange(len(ends))]).astype(np.int32)
    values = pa.Array.from_buffers(
        pa.binary(),
        len(ends),
        [None, pa.py_buffer(offsets), pa.py_buffer(content[content != 0])],
    )
    rows = np.arange(0, len(ends), len(names))
    return {name: values.take(pa.array(rows + n)) for n, name in enumerate(names)}

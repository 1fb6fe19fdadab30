"""Puts the arrays of several runs together, column by column."""

import operator
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from serving.prediction_log.compact_rows import CompactRows
from serving.prediction_log.logged_request import Columns, LoggedBatch, Rows
from serving.prediction_log.text_arrays import binary_array
from serving.server.packed_rows import PackedRows, join


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadBatch:
    """A batch whose arrays are at hand.

    Attributes:
        batch: As it was offered.
        inputs, outputs: Its arrays [rows, …].
    """

    batch: LoggedBatch
    inputs: Columns
    outputs: Columns

    @property
    def likeness(self) -> Hashable:
        """Equal for batches whose arrays can be put together."""
        return (
            id(self.batch.model),
            self.batch.signature,
            _likeness(self.inputs),
            _likeness(self.outputs),
        )

    @property
    def num_rows(self) -> int:
        """Rows of the arrays, also those that are not logged."""
        return _num_rows(self.inputs)


def read_batch(batch: LoggedBatch) -> ReadBatch:
    """Returns a batch with its arrays, read now where they were not yet.

    Raises:
        ValueError: The requests' rows are not among those of the arrays.
        Exception: Whatever the function raises that reads them.
    """
    rows: Rows = batch.rows() if callable(batch.rows) else batch.rows
    found = ReadBatch(batch=batch, inputs=rows[0], outputs=rows[1])
    last = max(map(operator.add, batch.first_rows, batch.sizes))
    sizes = {_num_rows(columns) for columns in rows if columns}
    if len(sizes) != 1 or sizes.pop() < last:
        raise ValueError(
            f"a request of {batch.model.name!r} has rows up to {last}, its arrays have "
            f"{sorted({len(v) for c in rows for v in c.values() if v.ndim})}."
        )
    return found


def merged(parts: Sequence[Columns]) -> dict[str, Any]:
    """Returns all rows of columns that are alike, in order.

    Returns:
        Name to numpy array, or to a pyarrow.BinaryArray; see merged_compact.
    """
    if isinstance(parts[0], CompactRows):
        return merged_compact([part for part in parts if isinstance(part, CompactRows)])
    if isinstance(parts[0], PackedRows):
        packed = join([part for part in parts if isinstance(part, PackedRows)])
        blocks = [np.ascontiguousarray(block.T) for block in packed.blocks]
        places = packed.layout.places.items()
        return {name: blocks[block][column] for name, (block, column) in places}
    if len(parts) == 1:
        return dict(parts[0])
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


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
        runs = [block for block in held if isinstance(block, bytes)]
        if len(runs) == len(held):
            columns.update(_text_columns(runs, names))
        elif runs:
            for name in names:
                columns[name] = np.concatenate([part[name] for part in parts])
        else:
            block = np.ascontiguousarray(np.concatenate(held).T)
            columns.update(zip(names, block, strict=True))
    return columns


def _text_columns(runs: Sequence[bytes], names: Sequence[str]) -> dict[str, Any]:
    values = binary_array(runs)
    if len(names) == 1:
        return {names[0]: values}
    rows = np.arange(0, len(values), len(names))
    return {name: values.take(pa.array(rows + n)) for n, name in enumerate(names)}


def picked(values: Any, places: npt.NDArray[np.int64]) -> Any:
    """Returns some rows of a column of `merged`."""
    if isinstance(values, pa.Array):
        return values.take(pa.array(places))
    return values[places]


def _in_blocks(columns: Columns) -> TypeGuard[PackedRows | CompactRows]:
    # isinstance asks these two, mappings by abc, twenty times as long.
    return type(columns) in (PackedRows, CompactRows)


def _num_rows(columns: Columns) -> int:
    if _in_blocks(columns):
        return columns.num_rows
    sizes = {len(values) if values.ndim else -1 for values in columns.values()}
    return sizes.pop() if len(sizes) == 1 else -1


def _likeness(columns: Columns) -> Hashable:
    if _in_blocks(columns):
        return (type(columns), columns.layout)
    return tuple(
        (name, values.dtype.str, values.shape[1:]) for name, values in columns.items()
    )

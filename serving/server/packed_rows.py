"""One request's rows as a few arrays: all inputs of one type side by side.

A row of 31 features is two arrays, of numbers and of text, and stays so until the
batch is complete: putting 64 such requests together joins two arrays 64 times, not 31.

    layout.blocks   (("distance", "dep_hour", …), ("carrier", "origin", …))
    rows.blocks     [rows, 22] float32,           [rows, 9] object

To whoever does not know of blocks it is a mapping of input name to array [rows].
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.server.core import Signature

Array = npt.NDArray[Any]


class RowLayout:
    """Which input stands where; two layouts are the same only if they are one object.

    Attributes:
        blocks: Names of the inputs of every block, each once.
        dtypes: Of every block.
        places: Input name to its block and column, in alphabetical order.
    """

    def __init__(
        self, blocks: Sequence[tuple[str, ...]], dtypes: Sequence[np.dtype[Any]]
    ) -> None:
        """Takes as many dtypes as blocks."""
        self.blocks = tuple(blocks)
        self.dtypes = tuple(dtypes)
        self.places = dict(
            sorted(
                (name, (number, column))
                for number, names in enumerate(self.blocks)
                for column, name in enumerate(names)
            )
        )

    def fits(self, signature: Signature) -> bool:
        """Tells whether it gives a signature's inputs, and their dtypes."""
        return self.places.keys() == signature.inputs.keys() and all(
            self.dtypes[self.places[name][0]] == info.dtype
            for name, info in signature.inputs.items()
        )


class PackedRows(Mapping[str, Array]):
    """Rows whose every value is a scalar.

    Attributes:
        layout: Of the blocks.
        blocks: [rows, inputs of the block] each, of the layout's dtype.
    """

    __slots__ = ("blocks", "layout")

    def __init__(self, layout: RowLayout, blocks: list[Array]) -> None:
        """Takes at least one block; all have as many rows."""
        self.layout = layout
        self.blocks = blocks

    @property
    def num_rows(self) -> int:
        """Rows of every block."""
        return len(self.blocks[0])

    def __getitem__(self, name: str) -> Array:
        block, column = self.layout.places[name]
        return self.blocks[block][:, column]

    def __iter__(self) -> Iterator[str]:
        return iter(self.layout.places)

    def __len__(self) -> int:
        return len(self.layout.places)


def join(rows: Sequence[PackedRows]) -> PackedRows:
    """Returns all rows in order.

    Args:
        rows: At least one; all of one layout.
    """
    blocks = zip(*(part.blocks for part in rows), strict=True)
    return PackedRows(rows[0].layout, [np.concatenate(own) for own in blocks])


def unpack(layout: RowLayout, blocks: Sequence[Array]) -> list[Array]:
    """Returns one contiguous array [rows] an input, in the names' alphabetical order.

    Args:
        layout: Of the blocks.
        blocks: [rows, inputs of the block] each.
    """
    columns = [np.ascontiguousarray(block.T) for block in blocks]
    return [columns[block][column] for block, column in layout.places.values()]

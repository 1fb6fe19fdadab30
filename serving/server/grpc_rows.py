"""Reads the inputs of a gRPC request as packed rows, where every input is plain.

Plain is what clients send for rows of scalars: one dimension, and as many values in the
typed field. Anything else gives None, and grpc_tensors reads it, or says what is wrong.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.server.core import Signature
from serving.server.grpc_tensors import typed_field
from serving.server.grpc_wire import WireLayout, WireRow
from serving.server.packed_rows import PackedRows, RowLayout

_REMEMBERED = 256
_FLOAT, _TEXT = 1, 7
_Places = list[tuple[int, list[int]]]
"""A block's DataType, and its columns' places among the row's floats or texts."""


class RowReader:
    """Reads requests for one signature."""

    def __init__(self, signature: Signature) -> None:
        """Plans which inputs stand together: those of one type."""
        together: dict[int, list[str]] = {}
        for name, info in signature.inputs.items():
            together.setdefault(info.tf_dtype, []).append(name)
        # A type without a field of its own is nothing to be packed.
        self._fields = {number: typed_field(number) for number in together}
        self._is_packed = (
            len(signature.inputs) > 1 and None not in self._fields.values()
        )
        self._together = together
        self._places: dict[WireLayout, _Places | None] = {}
        self._layout = RowLayout(
            [tuple(names) for names in together.values()],
            [signature.inputs[names[0]].dtype for names in together.values()],
        )

    def read(self, tensors: Mapping[str, Any]) -> PackedRows | None:
        """Returns the rows; None: some input is not plain, missing or unknown.

        Args:
            tensors: TensorProto by alias.
        """
        if not self._is_packed or len(tensors) != len(self._layout.places):
            return None
        num_rows = -1
        blocks = []
        for (number, names), dtype in zip(
            self._together.items(), self._layout.dtypes, strict=True
        ):
            columns = []
            for name in names:
                if name not in tensors:
                    return None
                tensor = tensors[name]
                sizes = tensor.tensor_shape.dim
                if tensor.dtype != number or len(sizes) != 1:
                    return None
                values = list(getattr(tensor, self._fields[number] or ""))
                if num_rows < 0:
                    num_rows = len(values)
                if not num_rows or not num_rows == len(values) == sizes[0].size:
                    return None
                columns.append(values)
            blocks.append(np.array(columns, dtype).T)
        return PackedRows(self._layout, blocks)

    def read_wire(self, row: WireRow) -> PackedRows | None:
        """Returns a row that was read without protobuf; None: it does not fit."""
        wire = row.layout
        if wire not in self._places:
            if len(self._places) >= _REMEMBERED:
                self._places.clear()
            self._places[wire] = self._places_in(wire)
        places = self._places[wire]
        if places is None:
            return None
        blocks: list[npt.NDArray[Any]] = []
        for number, block in places:
            if number == _FLOAT:
                content = b"".join([row.numbers[place] for place in block])
                blocks.append(np.frombuffer(content, "<f4").reshape(1, -1))
            else:
                values = np.empty((1, len(block)), object)
                values[0] = [row.texts[place] for place in block]
                blocks.append(values)
        return PackedRows(self._layout, blocks)

    def _places_in(self, wire: WireLayout) -> _Places | None:
        """Returns where every block's values stand in a row."""
        sources = {_FLOAT: wire.numbers, _TEXT: wire.texts}
        names = {number: sorted(names) for number, names in self._together.items()}
        known = {number: sorted(names) for number, names in sources.items() if names}
        if not self._is_packed or names != known:
            return None
        return [
            (number, [sources[number].index(name) for name in block])
            for number, block in self._together.items()
        ]


class RowReaders:
    """A reader for every signature that is called."""

    def __init__(self) -> None:
        """Knows none."""
        # id of a signature, kept alive beside its reader, so that no other gets the id.
        self._known: dict[int, tuple[Signature, RowReader]] = {}

    def reader(self, signature: Signature) -> RowReader:
        """Returns the reader of a signature."""
        known = self._known.get(id(signature))
        if known is not None and known[0] is signature:
            return known[1]
        if len(self._known) >= _REMEMBERED:
            del self._known[next(iter(self._known))]
        reader = RowReader(signature)
        self._known[id(signature)] = (signature, reader)
        return reader

"""numpy's arrays become Arrow's, in bulk."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_INT64_END = 2.0**63


class ColumnMaker:
    """Makes columns, and counts what could not be written as it was.

    Attributes:
        num_replaced: Texts so far that were no UTF-8.
    """

    def __init__(self) -> None:
        """Starts at nothing."""
        self.num_replaced = 0

    def column(self, values: Any, kind: Any) -> Any:
        """Returns a pyarrow.Array [rows].

        Args:
            values: numpy array [rows, …], or pyarrow.BinaryArray; NaN, None and "" are
                null.
            kind: The Arrow type to make; lists where there is more than one dimension.

        Raises:
            pyarrow.ArrowException: A value is of another type.
        """
        if pa.types.is_dictionary(kind):
            return self._dictionary(values)
        if pa.types.is_string(kind):
            return self._dictionary(values).dictionary_decode()
        if isinstance(values, pa.Array):
            return values.cast(kind)
        if values.ndim > 1 and pa.types.is_list(kind):
            return self._lists(values, kind)
        return _scalars(values, kind)

    def _lists(self, values: npt.NDArray[Any], kind: Any) -> Any:
        rows, size = values.shape[:2]
        flat = values.reshape((rows * size, *values.shape[2:]))
        offsets = np.arange(rows + 1, dtype=np.int32) * size
        held = self.column(flat, kind.value_type)
        return pa.ListArray.from_arrays(offsets, held).cast(kind)

    def _dictionary(self, values: Any) -> Any:
        binary = (
            values if isinstance(values, pa.Array) else pa.array(values, pa.binary())
        )
        encoded = binary.dictionary_encode()
        indices, texts = encoded.indices, encoded.dictionary
        try:
            texts = texts.cast(pa.string())
        except pa.ArrowInvalid:
            return self._replaced(encoded)
        empty = pc.index(texts, "").as_py()
        if empty >= 0:
            indices = pc.if_else(pc.equal(indices, empty), None, indices)
        return pa.DictionaryArray.from_arrays(indices, texts)

    def _replaced(self, encoded: Any) -> Any:
        """Makes text of bytes of which some are no UTF-8."""
        texts = [
            value.decode("utf-8", "backslashreplace")
            for value in encoded.dictionary.to_pylist()
        ]
        is_bad = np.array(
            [
                text.encode() != value.as_py()
                for text, value in zip(texts, encoded.dictionary, strict=True)
            ]
        )
        indices = encoded.indices.drop_null().to_numpy()
        self.num_replaced += int(is_bad[indices].sum())
        # Two different bytes may have become the same text, so it is encoded anew.
        plain = pa.array(texts, pa.string()).take(encoded.indices)
        return pc.if_else(pc.equal(plain, ""), None, plain).dictionary_encode()


def _scalars(values: npt.NDArray[Any], kind: Any) -> Any:
    if pa.types.is_binary(kind):
        return pa.array(values, kind)
    if pa.types.is_integer(kind) and values.dtype.kind == "f":
        return _whole_numbers(values, kind)
    found = pa.array(np.ascontiguousarray(values), from_pandas=True)
    return found if found.type == kind else found.cast(kind)


def _whole_numbers(values: npt.NDArray[Any], kind: Any) -> Any:
    """Cuts floats towards zero; those that no int64 holds are null."""
    is_whole = np.abs(values) < _INT64_END  # False for NaN
    cut = np.where(is_whole, values, 0).astype(np.int64)
    return pa.array(cut, kind, mask=~is_whole)


def constant(value: str, rows: int) -> Any:
    """Returns a text column of one value."""
    indices = pa.array(np.zeros(rows, np.int32))
    return pa.DictionaryArray.from_arrays(indices, pa.array([value], pa.string()))

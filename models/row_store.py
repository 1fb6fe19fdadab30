"""Transformed rows in two files of fixed-width rows, mapped into memory.

    {folder}/floats      float32 [rows, len(float_keys)], C order
    {folder}/integers    int32 [rows, len(integer_keys)], C order

What is read lies in the page cache, which the system takes back when memory is short; a
pass over any number of rows needs no more of the process's own memory than a batch.
"""

import dataclasses
import mmap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int32]

_BLOCK_ROWS = 65_536
_FLOATS, _INTEGERS = "floats", "integers"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RowStore:
    """Rows of features, all with one value in each row.

    Attributes:
        float_keys: Names of the columns of `floats`.
        integer_keys: Names of the columns of `integers`.
        floats: float32 [rows, len(float_keys)]. Read-only.
        integers: int32 [rows, len(integer_keys)]. Read-only.
        maps: The mappings behind the two; empty if they lie in ordinary memory.
    """

    float_keys: Sequence[str]
    integer_keys: Sequence[str]
    floats: Floats
    integers: Integers
    maps: tuple[mmap.mmap, ...] = ()

    def __len__(self) -> int:
        """Returns the number of rows."""
        return len(self.integers)

    def integer_column(self, key: str) -> Integers:
        """Returns a copy of one column, int32 [rows]."""
        place = self.integer_keys.index(key)
        column = np.empty(len(self), np.int32)
        for start in range(0, len(self), _BLOCK_ROWS):
            block = slice(start, start + _BLOCK_ROWS)
            column[block] = self.integers[block, place]
            self.release()
        return column

    def release(self) -> None:
        """Takes the rows read so far out of the process's memory, not off the cache."""
        for mapping in self.maps:
            mapping.madvise(mmap.MADV_DONTNEED)


class Int32RangeError(ValueError):
    """A feature's value does not fit in 32 bits."""


def write_rows(
    folder: Path,
    batches: Iterable[tuple[npt.NDArray[Any], npt.NDArray[Any]]],
    *,
    float_keys: Sequence[str],
    integer_keys: Sequence[str],
) -> RowStore:
    """Writes batches of rows and returns them mapped.

    Args:
        folder: An existing folder; files of the two names are overwritten. It must
            outlive the mapping only on systems that do not keep an open file.
        batches: Of floats [batch, len(float_keys)] and integers
            [batch, len(integer_keys)], both of any width.
        float_keys: Names of the first.
        integer_keys: Names of the second; at least one.

    Raises:
        Int32RangeError: An integer lies outside [-2**31, 2**31); names the feature.
        OSError: The files cannot be written.
    """
    with (
        (folder / _FLOATS).open("w+b") as float_file,
        (folder / _INTEGERS).open("w+b") as integer_file,
    ):
        for floats, integers in batches:
            float_file.write(np.ascontiguousarray(floats, np.float32).data)
            integer_file.write(_narrow(integers, integer_keys).data)
        rows = integer_file.tell() // (4 * len(integer_keys))
        maps = (_mapped(float_file), _mapped(integer_file))
    return RowStore(
        float_keys=float_keys,
        integer_keys=integer_keys,
        floats=_matrix(maps[0], np.float32, rows, len(float_keys)),
        integers=_matrix(maps[1], np.int32, rows, len(integer_keys)),
        maps=tuple(mapping for mapping in maps if mapping is not None),
    )


def _narrow(integers: npt.NDArray[Any], keys: Sequence[str]) -> Integers:
    narrow = np.ascontiguousarray(integers, np.int32)
    if not np.array_equal(narrow, integers):
        row, column = np.argwhere(narrow != integers)[0]
        raise Int32RangeError(
            f"feature {keys[column]!r} has the value {integers[row, column]}; "
            "the trainer's rows hold integers in [-2**31, 2**31). Transform it to a "
            "vocabulary index or a float."
        )
    return narrow


def _mapped(file: BinaryIO) -> mmap.mmap | None:
    file.flush()
    # Linux maps no empty file.
    if not file.tell():
        return None
    return mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)


def _matrix(
    mapping: mmap.mmap | None, dtype: type[Any], rows: int, columns: int
) -> npt.NDArray[Any]:
    if mapping is None:
        return np.empty((rows, columns), dtype)
    return np.frombuffer(mapping, dtype).reshape(rows, columns)

"""Counts of many values in a file, in parts that can be read one by one.

Equal values are in the part of the same number in every file, so that whoever adds up
files needs one part of each at a time. An Arrow IPC file of NUM_PARTS record batches
(value: large_binary, count: int64).
"""

import uuid
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.ipc

NUM_PARTS = 64
# Keys of one kind often begin alike, and differ at their end.
_LAST_BYTES = 16
_FNV_OFFSET, _FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_FOLD = np.uint64(32)


def write_parts(table: pa.Table, folder: Path) -> Path:
    """Writes counts into a new file of a folder, which is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{uuid.uuid4().hex}.counts"
    with pa.ipc.new_file(str(path), table.schema) as writer:
        for part in split_into_parts(table):
            # As one batch, be it empty: its number is the part's.
            (batch,) = part.combine_chunks().to_batches() or [_no_rows(table.schema)]
            writer.write_batch(batch)
    return path


def read_part(path: Path, part: int) -> pa.Table:
    """Returns one part of a file.

    Raises:
        pyarrow.ArrowInvalid: The file is torn.
    """
    with pa.OSFile(str(path)) as source, pa.ipc.open_file(source) as reader:
        return pa.Table.from_batches([reader.get_batch(part)])


def split_into_parts(table: pa.Table) -> list[pa.Table]:
    """Returns the rows of a table as NUM_PARTS tables, by their value."""
    values = table["value"].combine_chunks()
    number = _fnv1a(values) % np.uint64(NUM_PARTS)
    order = np.argsort(number, kind="stable")
    ends = np.cumsum(np.bincount(number.astype(np.int64), minlength=NUM_PARTS))
    sorted_rows = table.take(pa.array(order))
    return [
        sorted_rows.slice(start, end - start)
        for start, end in zip([0, *ends[:-1]], ends, strict=True)
    ]


def _no_rows(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema=schema)


def _fnv1a(values: pa.LargeBinaryArray) -> npt.NDArray[np.uint64]:
    """Hashes the end of each value; 64 bits, the upper half folded onto the lower.

    Source:
        http://www.isthe.com/chongo/tech/comp/fnv, FNV-1a and "xor-folding".
    """
    _, offsets, content = values.buffers()
    places = np.frombuffer(offsets, np.int64)[values.offset :][: len(values) + 1]
    raw = np.frombuffer(content or b"", np.uint8)
    ends, lengths = places[1:], np.minimum(np.diff(places), _LAST_BYTES)
    hashes = np.full(len(values), _FNV_OFFSET)
    for place in range(1, int(lengths.max(initial=0)) + 1):
        rows = np.flatnonzero(lengths >= place)
        byte = raw[ends[rows] - place].astype(np.uint64)
        hashes[rows] = (hashes[rows] ^ byte) * _FNV_PRIME
    return hashes ^ (hashes >> _FOLD)

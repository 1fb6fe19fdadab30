"""Frames serialized Examples as TFRecords and packs them, without a call per byte.

One record: uint64 length, masked CRC32C of the length, the bytes, masked CRC32C of the
bytes; all little-endian. The gzip header holds neither name nor time: the same records
are the same file on machines of one kind (ISA-L packs by what the processor can do).

Source:
    tensorflow/core/lib/io/record_writer.h, "Format of a single record", and
    tsl/lib/hash/crc32c.h for the mask.
"""

import hashlib
import struct
import uuid
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from types import TracebackType
from typing import Self

import google_crc32c
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from isal import isal_zlib

from data.column_file import ColumnFile

# ISA-L's level 1 packs as small as zlib's and five times as fast.
_GZIP_LEVEL = 1
_GZIP_FORMAT = 31  # zlib's window bits for the largest window and a gzip header
_MASK_DELTA = 0xA282EAD8
_NOTHING = b""  # no separator


def frame_records(records: pa.BinaryArray) -> pa.Buffer:
    """Returns the records as the contents of a TFRecord file; none may be null."""
    lengths = np.asarray(pc.binary_length(records), dtype=np.int64)
    distinct, places = np.unique(lengths, return_inverse=True)
    heads = pa.array([_head(int(length)) for length in distinct], pa.binary())
    framed = pc.binary_join_element_wise(
        heads.take(pa.array(places.astype(np.int32))),
        records,
        _checksums(records),
        _NOTHING,
    )
    return _content(framed)


def _head(length: int) -> bytes:
    packed = struct.pack("<Q", length)
    checksum = np.array([google_crc32c.value(packed)], dtype=np.uint64)
    return bytes(packed + _masked(checksum).tobytes())


def _checksums(records: pa.BinaryArray) -> pa.BinaryArray:
    content = bytes(_content(records))
    ends = np.cumsum(np.asarray(pc.binary_length(records), dtype=np.int64)).tolist()
    checksum, start, found = google_crc32c.value, 0, []
    for end in ends:
        found.append(checksum(content[start:end]))
        start = end
    masked = _masked(np.array(found, dtype=np.uint64))
    four_bytes = pa.Array.from_buffers(
        pa.binary(4), len(records), [None, pa.py_buffer(masked.tobytes())]
    )
    return pc.cast(four_bytes, pa.binary())


def _masked(checksums: np.ndarray) -> np.ndarray:
    """Rotates right by 15 bits and adds a constant, in 32 bits."""
    rotated = (checksums >> np.uint64(15)) | (checksums << np.uint64(17))
    masked = (rotated & np.uint64(0xFFFFFFFF)) + np.uint64(_MASK_DELTA)
    return masked.astype("<u4")


def _content(records: pa.BinaryArray) -> pa.Buffer:
    """Returns the bytes of all records, one after the other."""
    _, offsets, content = records.buffers()
    if content is None or not len(records):
        return pa.py_buffer(b"")
    places = np.frombuffer(offsets, dtype=np.int32)
    start, end = places[records.offset], places[records.offset + len(records)]
    return content.slice(int(start), int(end - start))


class ShardFile:
    """A context that leaves a complete gzipped TFRecord or, after an error, none.

    With columns, a column file as well (data/column_file.py).

    Example:
        with ShardFile(folder / "data-00000-of-00001.gz") as shard:
            shard.write(encode_batch(batch), example_columns(batch))
    """

    def __init__(self, path: Path) -> None:
        """Opens the file beside its place; its folder is made if it is not there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        # Readers take every file of a split whose name has no leading dot.
        self._beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        self._file = self._beside.open("wb")
        self._digest = hashlib.sha256()
        self._packer = isal_zlib.compressobj(
            _GZIP_LEVEL, isal_zlib.DEFLATED, _GZIP_FORMAT
        )
        self._columns: ColumnFile | None = None

    def write(
        self, records: pa.BinaryArray, columns: Mapping[str, pa.Array] | None = None
    ) -> None:
        """Appends rows.

        Args:
            records: As serialized Examples.
            columns: The same rows for the column file; see ColumnFile.write. Given in
                every call or in none.
        """
        self._append(self._packer.compress(frame_records(records)))
        if columns is not None:
            self._columns = self._columns or ColumnFile(self.path)
            self._columns.write(columns)

    def _append(self, packed: bytes) -> None:
        self._digest.update(packed)
        self._file.write(packed)

    def __enter__(self) -> Self:
        """Returns the file."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Puts the files in their places, or removes them after an error."""
        with self._columns or nullcontext(), self._file:
            if kind is None:
                self._append(self._packer.flush())
                if self._columns is not None:
                    self._columns.finish(self._digest.hexdigest())
        if kind is None:
            self._beside.rename(self.path)
        else:
            self._beside.unlink(missing_ok=True)

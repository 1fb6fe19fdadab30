"""The rows of an Examples file a second time, as columns: no reader has to parse them.

    {uri}/Split-train/NAME.gz                      gzipped TFRecord of tf.Examples
    {uri}/columns/Split-train/NAME.gz.{16 hex}     the same rows as columns

A column file is an Arrow IPC file (LZ4) of batches of BATCH_ROWS rows, the last one
shorter. Each column is int64, float32 or binary, with one value a row; null is a
missing feature. The end of its name is the beginning of the SHA-256 of the Examples
file: whoever changes that file is read as if there were no column file. Readers that do
not know of column files miss nothing.

Parsing tf.Examples is the greater part of what a pass over them costs: of 30 features,
17 µs a row and pass (benchmarks/pipeline_speed.py has the machine).
"""

import hashlib
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.ipc

BATCH_ROWS = 16_384
FOLDER = "columns"
_DIGEST_CHARACTERS = 16
_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


def column_path(examples_path: Path, examples_sha256: str) -> Path:
    """Returns where the columns of an Examples file lie.

    Args:
        examples_path: {uri}/Split-{split}/{name}.
        examples_sha256: Of its bytes, in hexadecimal digits.
    """
    split = examples_path.parent
    name = f"{examples_path.name}.{examples_sha256[:_DIGEST_CHARACTERS]}"
    return split.parent / FOLDER / split.name / name


def find_column_file(examples_path: Path) -> Path | None:
    """Returns the column file of an Examples file; None: it has none.

    Raises:
        OSError: The Examples file cannot be read.
    """
    if not (examples_path.parent.parent / FOLDER).is_dir():
        return None
    with examples_path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    path = column_path(examples_path, sha256)
    return path if path.is_file() else None


def read_columns(path: Path) -> Iterator[pa.RecordBatch]:
    """Yields the batches of a column file, one at a time in memory.

    Raises:
        pyarrow.ArrowInvalid: It is no Arrow IPC file.
    """
    with pa.OSFile(str(path)) as source, pa.ipc.open_file(source) as reader:
        for index in range(reader.num_record_batches):
            yield reader.get_batch(index)


class ColumnFile:
    """A context in which columns are written; the file appears when it is named.

    Example:
        with ColumnFile(examples_path) as columns:
            columns.write({"month": pa.array([1, 2])})
            columns.finish(examples_sha256)
    """

    def __init__(self, examples_path: Path) -> None:
        """Names the Examples file, which need not be there yet."""
        self._examples_path = examples_path
        folder = column_path(examples_path, "").parent
        folder.mkdir(parents=True, exist_ok=True)
        self._beside = folder / f".{examples_path.name}.{uuid.uuid4().hex}"
        self._writer: pa.ipc.RecordBatchFileWriter | None = None
        self._waiting: list[pa.RecordBatch] = []
        self._num_waiting = 0

    def write(self, columns: Mapping[str, pa.Array]) -> None:
        """Appends rows.

        Args:
            columns: int64, float32 or binary; the same names and types in every call,
                all of one length.
        """
        batch = pa.RecordBatch.from_pydict(dict(columns))
        self._waiting.append(batch)
        self._num_waiting += batch.num_rows
        if self._num_waiting >= BATCH_ROWS:
            self._write_waiting(whole_batches=True)

    def finish(self, examples_sha256: str) -> None:
        """Puts the file in its place; without rows there is none."""
        self._write_waiting(whole_batches=False)
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self._beside.rename(column_path(self._examples_path, examples_sha256))

    def __enter__(self) -> Self:
        """Returns the file."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Removes a file that was not finished."""
        if self._writer is not None:
            self._writer.close()
        self._beside.unlink(missing_ok=True)

    def _write_waiting(self, *, whole_batches: bool) -> None:
        if not self._num_waiting:
            return
        rows = pa.Table.from_batches(self._waiting).combine_chunks()
        num_rows = rows.num_rows
        if whole_batches:
            num_rows -= num_rows % BATCH_ROWS
        if self._writer is None:
            self._writer = pa.ipc.new_file(
                str(self._beside), rows.schema, options=_OPTIONS
            )
        self._writer.write_table(rows.slice(0, num_rows), max_chunksize=BATCH_ROWS)
        self._waiting = rows.slice(num_rows).to_batches()
        self._num_waiting = rows.num_rows - num_rows

"""Writes one part of the output so that it is there completely or not at all.

    part-00007.parquet              scored rows; that this name exists commits the part
    _parts/part-00007.json          counts of the part, renamed into place before it
    quarantine/part-00007.jsonl     rows that could not be scored; before both

All are written under names that begin with "_tmp-", flushed to the disk and renamed.
"""

import contextlib
import json
import os
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from serving.batch_scoring.input_batch import BadRow
from serving.bundle.layout import sha256_of

PARTS = "_parts"
QUARANTINE = "quarantine"
TEMPORARY = "_tmp-"
# Rows of a row group: a few megabytes in memory.
_GROUP_ROWS = 1 << 16


@dataclass(frozen=True, kw_only=True, slots=True)
class PartResult:
    """What a part came to.

    Attributes:
        path: Its file, relative to the output folder.
        size_bytes, sha256: Of that file.
        num_rows: Rows read.
        num_scored: Rows written.
        quarantined: Reason to rows put aside.
        labels: Label to rows scored so.
        num_read: Rows that missing values are out of.
        missing: Feature to rows without a value.
    """

    path: str
    size_bytes: int
    sha256: str
    num_rows: int
    num_scored: int
    quarantined: dict[str, int]
    labels: dict[str, int]
    num_read: int
    missing: dict[str, int]


def replace_file(temporary: Path, path: Path) -> None:
    """Renames a file that is flushed already, and flushes its folder's entry."""
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_file(path: Path, text: bytes) -> None:
    """Writes a small file beside its place, flushes and renames it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path)
    with temporary.open("wb") as file:
        file.write(text)
        _flush(file)
    replace_file(temporary, path)


def _temporary(path: Path) -> Path:
    return path.with_name(f"{TEMPORARY}{uuid.uuid4().hex}-{path.name}")


def _flush(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


class PartWriter:
    """Writes a part's rows as they come; nothing is visible before commit.

    Used as a context; left without a commit, it removes what it wrote.
    """

    def __init__(
        self, output: Path, name: str, schema: Any, output_format: str
    ) -> None:
        """Opens the temporary file.

        Args:
            output: The output folder, which exists.
            name: Such as "part-00007".
            schema: pyarrow schema of the rows.
            output_format: "parquet" or "csv".
        """
        self._output, self._name, self._schema = output, name, schema
        self._path = output / f"{name}.{output_format}"
        self._temporary = _temporary(self._path)
        self._rows: list[Any] = []
        self._num_waiting = 0
        self._file = self._temporary.open("wb")
        self._writer = (
            pq.ParquetWriter(self._file, schema)
            if output_format == "parquet"
            else pyarrow.csv.CSVWriter(self._file, schema)
        )
        self._quarantine: IO[bytes] | None = None
        self._quarantine_path = output / QUARANTINE / f"{name}.jsonl"
        self._quarantine_temporary = _temporary(self._quarantine_path)

    def __enter__(self) -> Self:
        """Returns the writer."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Removes temporary files that were not committed."""
        # Left open, pyarrow's writer would write to a closed file when it is collected.
        with contextlib.suppress(OSError, ValueError, pa.ArrowException):
            self._writer.close()
        self._file.close()
        if self._quarantine:
            self._quarantine.close()
        self._temporary.unlink(missing_ok=True)
        self._quarantine_temporary.unlink(missing_ok=True)

    def write(self, rows: Any) -> None:
        """Writes scored rows, a pyarrow RecordBatch of the schema."""
        self._rows.append(rows)
        self._num_waiting += rows.num_rows
        if self._num_waiting >= _GROUP_ROWS:
            self._write_waiting()

    def _write_waiting(self) -> None:
        if self._num_waiting:
            table = pa.Table.from_batches(self._rows, self._schema)
            self._writer.write_table(table)
        self._rows, self._num_waiting = [], 0

    def put_aside(self, source: str, rows: Iterable[BadRow]) -> None:
        """Writes rows that cannot be scored, one JSON object a line.

        Args:
            source: Path of their file.
            rows: What is wrong with them.
        """
        for bad in rows:
            if self._quarantine is None:
                self._quarantine_path.parent.mkdir(exist_ok=True)
                self._quarantine = self._quarantine_temporary.open("wb")
            line = {"file": source, "value": bad.value, **asdict(bad)}
            text = json.dumps(line, ensure_ascii=False, allow_nan=False)
            self._quarantine.write(text.encode("utf-8", "backslashreplace") + b"\n")

    def commit(self, **counts: Any) -> PartResult:
        """Makes the part visible: quarantine, counts, then the rows themselves.

        Args:
            counts: The fields of PartResult that only the caller knows.
        """
        self._write_waiting()
        self._writer.close()
        _flush(self._file)
        self._file.close()
        result = PartResult(
            path=self._path.name,
            size_bytes=self._temporary.stat().st_size,
            sha256=sha256_of(self._temporary),
            **counts,
        )
        if self._quarantine:
            _flush(self._quarantine)
            replace_file(self._quarantine_temporary, self._quarantine_path)
        else:
            self._quarantine_path.unlink(missing_ok=True)
        write_file(
            self._output / PARTS / f"{self._name}.json",
            (json.dumps(asdict(result), indent=1) + "\n").encode(),
        )
        replace_file(self._temporary, self._path)
        return result


def read_result(output: Path, name: str) -> PartResult | None:
    """Returns what a part came to, if it is committed and whole; else None."""
    try:
        text = (output / PARTS / f"{name}.json").read_bytes()
        result = PartResult(**json.loads(text))
        path = output / result.path
        is_whole = path.stat().st_size == result.size_bytes
    except (OSError, ValueError, TypeError):
        return None
    return result if is_whole and sha256_of(path) == result.sha256 else None

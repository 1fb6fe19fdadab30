"""Reads CSV files as RFC 4180 has them: a header, UTF-8, empty is missing.

No type is guessed: every value stays the text it is, '007' included, until a feature's
rule asks for a number.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

from serving.batch_scoring.csv_records import CsvLayout
from serving.batch_scoring.errors import InputRefusedError
from serving.batch_scoring.input_batch import (
    BATCH_ROWS,
    BadReason,
    BadRow,
    InputBatch,
    even_batches,
    plain_column,
)
from serving.batch_scoring.slices import FileSlice

_SHOWN_CHARACTERS = 300
_HEAD_BYTES = 1 << 20
_BLOCK_BYTES = 1 << 20
_BOM = b"\xef\xbb\xbf"


def slice_file(layout: CsvLayout) -> list[FileSlice]:
    """Returns the ranges of a scanned file."""
    return [
        FileSlice(
            start=part.start,
            end=part.end,
            first_row=part.first_row,
            num_rows=part.num_rows,
        )
        for part in layout.ranges
    ]


def read_header(path: Path) -> list[str]:
    """Returns the column names, in order; they may repeat.

    Raises:
        InputRefusedError: There is no header line, it is no UTF-8, or as scan_csv does.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    start, end = _header_place(path, head)
    return _parse_header(path, head[start:end])


def _header_place(path: Path, head: bytes) -> tuple[int, int]:
    start, is_quoted = len(_BOM) if head.startswith(_BOM) else 0, False
    while head[start : start + 1] in (b"\r", b"\n"):
        start += 1
    for place in range(start, len(head)):
        if head[place] == ord('"'):
            is_quoted = not is_quoted
        elif head[place] == ord("\n") and not is_quoted:
            return start, place
    if start == len(head) or len(head) == _HEAD_BYTES:
        raise InputRefusedError(
            f"{path}: it has no header line; expected the column names in the first "
            "line, not longer than 1 MiB."
        )
    return start, len(head)


def _parse_header(path: Path, line: bytes) -> list[str]:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputRefusedError(
            f"{path}: the header is no UTF-8: {error}. Save the file as UTF-8."
        ) from error
    return next(csv.reader(io.StringIO(text, newline="")))


def read_batches(
    path: Path,
    part: FileSlice,
    columns: Sequence[str],
    batch_rows: int = BATCH_ROWS,
) -> Iterator[InputBatch]:
    """Reads the records of a byte range; a whole range is held in memory.

    A record with more or fewer fields than the header is rejected.
    """
    if part.start == part.end:
        return
    header = read_header(path)
    with path.open("rb") as file:
        file.seek(part.start)
        text = file.read(part.end - part.start)
    table, skipped = _parse(text, header, columns)
    del text
    count = table.num_rows + len(skipped)
    rows = part.first_row + np.setdiff1d(np.arange(count), list(skipped))
    rejected = tuple(
        _malformed(part.first_row + place, found, len(header))
        for place, found in skipped.items()
    )
    yield from _cut(table, rows, rejected, batch_rows)


def _cut(
    table: Any,
    rows: npt.NDArray[np.int64],
    rejected: tuple[BadRow, ...],
    batch_rows: int,
) -> Iterator[InputBatch]:
    start = 0
    if rejected:
        yield InputBatch(
            rows=rows[:0],
            columns={
                name: plain_column(table[name].slice(0, 0))
                for name in table.column_names
            },
            rejected=rejected,
        )
    for batch in even_batches(iter([table]), batch_rows):
        yield InputBatch(
            rows=rows[start : start + batch.num_rows],
            columns={name: plain_column(batch[name]) for name in table.column_names},
        )
        start += batch.num_rows


def _parse(
    text: bytes, header: Sequence[str], columns: Sequence[str]
) -> tuple[Any, dict[int, Any]]:
    """Parses records; returns a table and the misshapen records by their place."""
    skipped: dict[int, Any] = {}

    def skip(row: Any) -> str:
        if row.number is None:  # which record it is, only one thread can tell
            return "error"
        skipped[row.number - 1] = row
        return "skip"

    def parse(*, use_threads: bool, block_bytes: int) -> Any:
        return pyarrow.csv.read_csv(
            io.BytesIO(text),
            read_options=pyarrow.csv.ReadOptions(
                column_names=list(header),
                use_threads=use_threads,
                block_size=block_bytes,
            ),
            parse_options=pyarrow.csv.ParseOptions(
                newlines_in_values=True, invalid_row_handler=skip
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types={name: pa.binary() for name in columns},
                include_columns=list(columns),
                null_values=[""],
                strings_can_be_null=True,
            ),
        )

    try:
        return parse(use_threads=True, block_bytes=_BLOCK_BYTES), {}
    except pa.ArrowInvalid:
        # A misshapen record, or one longer than a block.
        skipped.clear()
        return parse(use_threads=False, block_bytes=len(text) + 1), skipped


def _malformed(row: int, found: Any, num_columns: int) -> BadRow:
    return BadRow(
        row=row,
        field="",
        reason=BadReason.MALFORMED,
        expected=f"{num_columns} fields as in the header, not {found.actual_columns}",
        values={"": str(found.text)[:_SHOWN_CHARACTERS]},
    )

"""Reads Parquet files by row groups."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from serving.batch_scoring.errors import InputRefusedError
from serving.batch_scoring.input_batch import (
    BATCH_ROWS,
    InputBatch,
    even_batches,
    is_text,
    plain_column,
)
from serving.batch_scoring.slices import FileSlice

# Row groups are put together until a slice has so many rows.
SLICE_ROWS = 1 << 17


def read_types(path: Path) -> list[tuple[str, Any]]:
    """Returns column names and pyarrow types, in order; names may repeat.

    Raises:
        InputRefusedError: It is no Parquet file.
    """
    with _open(path) as file:
        return [(field.name, field.type) for field in file.schema_arrow]


def slice_file(path: Path, slice_rows: int = SLICE_ROWS) -> list[FileSlice]:
    """Cuts a file between row groups; a row group is never cut.

    Returns:
        At least one slice; one without rows if the file has none.
    """
    with _open(path) as file:
        sizes = [
            file.metadata.row_group(group).num_rows
            for group in range(file.metadata.num_row_groups)
        ]
    slices: list[FileSlice] = []
    start, first_row, num_rows = 0, 1, 0
    for group, size in enumerate(sizes):
        num_rows += size
        if num_rows >= slice_rows or group == len(sizes) - 1:
            slices.append(
                FileSlice(
                    start=start, end=group + 1, first_row=first_row, num_rows=num_rows
                )
            )
            start, first_row, num_rows = group + 1, first_row + num_rows, 0
    return slices or [FileSlice(start=0, end=0, first_row=1, num_rows=0)]


def read_batches(
    path: Path,
    part: FileSlice,
    columns: Sequence[str],
    batch_rows: int = BATCH_ROWS,
) -> Iterator[InputBatch]:
    """Reads the rows of some row groups; text comes dictionary-encoded.

    Raises:
        InputRefusedError: The file is damaged.
    """
    texts = [name for name, kind in read_types(path) if name in columns]
    types = dict(read_types(path))
    texts = [name for name in texts if is_text(types[name])]
    row = part.first_row
    try:
        with pq.ParquetFile(path, read_dictionary=texts) as file:
            batches = file.iter_batches(
                batch_rows, row_groups=range(part.start, part.end), columns=columns
            )
            tables = (pa.Table.from_batches([batch]) for batch in batches)
            for table in even_batches(tables, batch_rows):
                yield InputBatch(
                    rows=np.arange(row, row + table.num_rows),
                    columns={name: plain_column(table[name]) for name in columns},
                )
                row += table.num_rows
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from error


def _open(path: Path) -> Any:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> InputRefusedError:
    first_line = str(error).splitlines()[0]
    return InputRefusedError(
        f"{path}: pyarrow cannot read it as Parquet: {first_line} Write it again."
    )

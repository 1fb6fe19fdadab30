"""The source files of a run: their columns, their rows, and what is wrong with them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from components.columnar_example_gen.bad_rows import BadRow
from components.columnar_example_gen.csv_rows import CsvFile, RowChunk
from components.columnar_examples.encode import example_kind
from data.file_formats import format_of
from data.spans import DataContractError

_CSV_TYPES = {"int": pa.int64(), "float": pa.float64(), "bytes": pa.string()}
_BATCH_ROWS = 16_384
_UNREADABLE = (pa.ArrowException, OSError, EOFError, UnicodeDecodeError)


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceFile:
    """One data file; see data/file_formats.py for the formats.

    Attributes:
        path: Where it is.
        span: The span it belongs to.
        csv_kinds: Column to "int", "float" or "bytes", from the curated schema;
            other columns of a CSV file are inferred. Not used for other formats.
    """

    path: str
    span: int
    csv_kinds: Mapping[str, str]

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return Path(self.path).name

    @property
    def file_format(self) -> str | None:
        """The format its name stands for."""
        return format_of(Path(self.path))

    def schema(self) -> pa.Schema:
        """Returns the columns and types, reading no more than the first block.

        Raises:
            DataContractError: The file cannot be read as what its name says.
        """
        try:
            return self._read_schema()
        except _UNREADABLE as error:
            raise self._unreadable(error) from error

    def _read_schema(self) -> pa.Schema:
        if self.file_format == "csv":
            return self._as_csv().schema(self._csv_types())
        if self.file_format == "parquet":
            return pa.parquet.read_schema(self.path)
        return self._dataset().schema

    def read(
        self,
        columns: Sequence[str],
        row_groups: Sequence[int] | None = None,
        first_row: int = 1,
    ) -> Iterator[RowChunk]:
        """Yields rows in file order.

        Args:
            columns: Columns to read.
            row_groups: Of a Parquet file: which; None: all.
            first_row: Number of the first of these rows in the file.

        Raises:
            DataContractError: The file cannot be read as what its name says.
        """
        try:
            if self.file_format == "csv":
                yield from self._as_csv().read(self._read_schema(), columns)
                return
            for batch in self._batches(columns, row_groups):
                rows = np.arange(first_row, first_row + batch.num_rows)
                yield RowChunk(batch=batch, rows=rows)
                first_row += batch.num_rows
        except _UNREADABLE as error:
            raise self._unreadable(error) from error

    def _batches(
        self, columns: Sequence[str], row_groups: Sequence[int] | None
    ) -> Iterator[pa.RecordBatch]:
        if self.file_format == "parquet":
            with pa.parquet.ParquetFile(self.path) as file:
                groups = (
                    range(file.num_row_groups) if row_groups is None else row_groups
                )
                yield from file.iter_batches(_BATCH_ROWS, list(groups), list(columns))
            return
        yield from self._dataset().to_batches(
            columns=list(columns), batch_size=_BATCH_ROWS, use_threads=False
        )

    def _dataset(self) -> Any:
        from pyarrow import dataset  # takes pandas along, which preflight does without

        return dataset.dataset(self.path, format=self.file_format)

    def bad_row(self, row: int, column: str, value: str | None, reason: str) -> BadRow:
        """Returns what is wrong with one row of this file."""
        return BadRow(
            file=self.name,
            span=self.span,
            row=row,
            column=column,
            value=value,
            reason=reason,
        )

    def _as_csv(self) -> CsvFile:
        return CsvFile(path=self.path, span=self.span)

    def _csv_types(self) -> dict[str, pa.DataType]:
        return {name: _CSV_TYPES[kind] for name, kind in self.csv_kinds.items()}

    def _unreadable(self, error: BaseException) -> DataContractError:
        return DataContractError(
            f"{self.name} of span {self.span} cannot be read: {error}. "
            "Mend the file and write the span anew."
        )


def check_columns(files: Sequence[SourceFile], required: Sequence[str]) -> None:
    """Checks that all files agree on types and hold the columns the run needs.

    A feature that a file lacks is left to the schema's judgement; a type that
    differs between files would mix two kinds of values in one feature.

    Raises:
        DataContractError: Names file, column and both types, or the column that
            is missing.
    """
    seen: dict[str, tuple[str | None, str, SourceFile]] = {}
    for file in files:
        schema = file.schema()
        for name in required:
            if name not in schema.names:
                raise DataContractError(
                    f"{file.name} of span {file.span} has no column "
                    f"{name!r}, which the configuration's data section names. Its "
                    f"columns: {', '.join(schema.names[:5])}, … ({len(schema.names)})."
                )
        for column in schema:
            if pa.types.is_null(column.type):
                continue
            kind = example_kind(column.type)
            known, known_type, first = seen.setdefault(
                column.name, (kind, str(column.type), file)
            )
            if kind != known:
                raise DataContractError(
                    f"column {column.name!r} is {column.type} in "
                    f"{file.name} of span {file.span}, but {known_type} in "
                    f"{first.name} of span {first.span}. Write one of the two anew."
                )

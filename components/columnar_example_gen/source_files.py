"""Reads one source file of a span in bounded batches and names what is wrong."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from components.columnar_example_gen.encode import example_kind
from components.columnar_example_gen.split_plan import epoch_seconds
from data.spans import DataContractError

BATCH_ROWS = 16_384
_CSV_TYPES = {"int": pa.int64(), "float": pa.float64(), "bytes": pa.string()}


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceFile:
    """One Parquet or CSV file.

    Attributes:
        path: Where it is.
        span: The span it belongs to.
        csv_kinds: Column to "int", "float" or "bytes", from the curated schema;
            other columns of a CSV file are inferred. Not used for Parquet.
    """

    path: str
    span: int
    csv_kinds: Mapping[str, str]

    def schema(self) -> pa.Schema:
        """Returns the columns and types, reading no more than the first block."""
        if self.path.endswith(".parquet"):
            return pa.parquet.read_schema(self.path)
        with self._open_csv() as reader:
            return reader.schema

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yields the rows in file order, at most BATCH_ROWS at a time.

        Raises:
            DataContractError: The file cannot be read as what its name says.
        """
        try:
            yield from self._read(columns)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OSError) as error:
            raise DataContractError(
                f"{Path(self.path).name} of span {self.span} cannot be read: {error}. "
                "Mend the file and write the span anew."
            ) from error

    def _read(self, columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        if self.path.endswith(".parquet"):
            with pa.parquet.ParquetFile(self.path) as file:
                yield from file.iter_batches(BATCH_ROWS, columns=columns)
            return
        with self._open_csv(columns) as reader:
            for batch in reader:
                if batch.num_rows:
                    yield batch

    def _open_csv(
        self, columns: Sequence[str] | None = None
    ) -> pa.csv.CSVStreamingReader:
        return pa.csv.open_csv(
            self.path,
            convert_options=pa.csv.ConvertOptions(
                column_types={
                    name: _CSV_TYPES[kind] for name, kind in self.csv_kinds.items()
                },
                include_columns=list(columns) if columns else None,
                strings_can_be_null=True,
            ),
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
                    f"{Path(file.path).name} of span {file.span} has no column "
                    f"{name!r}, which the configuration's data section names. Its "
                    f"columns: {', '.join(schema.names[:5])}, … ({len(schema.names)})."
                )
        for column in schema:
            kind = example_kind(column.type)
            known, known_type, first = seen.setdefault(
                column.name, (kind, str(column.type), file)
            )
            if kind != known and not pa.types.is_null(column.type):
                raise DataContractError(
                    f"column {column.name!r} is {column.type} in "
                    f"{Path(file.path).name} of span {file.span}, but {known_type} in "
                    f"span {first.span}. Write one of the two spans anew."
                )


def labelled_times(
    files: Sequence[SourceFile], event_time: str, label: str
) -> dict[int, np.ndarray]:
    """Reads the event times of rows that have a label: two columns, nothing else.

    Returns:
        Span to int64 [rows] seconds since the epoch.
    """
    parts: dict[int, list[np.ndarray]] = {file.span: [] for file in files}
    for file in files:
        for batch in file.batches([event_time, label]):
            times = batch.column(event_time).filter(batch.column(label).is_valid())
            parts[file.span].append(epoch_seconds(times))
    return {
        span: np.concatenate(times) if times else np.array([], dtype=np.int64)
        for span, times in parts.items()
    }

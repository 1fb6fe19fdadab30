"""Reads parts of source files in bounded batches: projected, filtered, checked.

A part (`Fragment`) is some row groups of a Parquet file, about 65,536 rows, or a whole
file of another format. The parts of a run and their numbers are known before anything
is read, so that workers may take them in any order.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from components.columnar_example_gen.bad_rows import BadRow
from components.columnar_example_gen.csv_rows import RowChunk
from components.columnar_example_gen.prune import judge_row_groups
from components.columnar_example_gen.row_filter import build_filter, filter_columns
from components.columnar_example_gen.source_files import SourceFile

BATCH_ROWS = 16_384
FRAGMENT_ROWS = 65_536
_ROW = "__row__"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fragment:
    """What one worker reads at a time.

    Attributes:
        file: The file.
        row_groups: Row groups of a Parquet file; None: the whole file.
        first_row: Number of the first row in the file, from 1.
    """

    file: SourceFile
    row_groups: tuple[int, ...] | None = None
    first_row: int = 1


def list_fragments(
    files: Sequence[SourceFile], rows_per_fragment: int = FRAGMENT_ROWS
) -> list[Fragment]:
    """Returns all parts of all files, in order; the same files give the same parts."""
    fragments: list[Fragment] = []
    for file in files:
        if file.file_format == "parquet":
            fragments += _parquet_fragments(file, rows_per_fragment)
        else:
            fragments.append(Fragment(file=file))
    return fragments


def _parquet_fragments(file: SourceFile, rows_per_fragment: int) -> Iterator[Fragment]:
    metadata = pa.parquet.read_metadata(file.path)
    groups: list[int] = []
    num_rows, first_row = 0, 1
    for group in range(metadata.num_row_groups):
        groups.append(group)
        num_rows += metadata.row_group(group).num_rows
        if num_rows >= rows_per_fragment or group == metadata.num_row_groups - 1:
            yield Fragment(file=file, row_groups=tuple(groups), first_row=first_row)
            first_row += num_rows
            groups, num_rows = [], 0
    if not metadata.num_row_groups:
        yield Fragment(file=file, row_groups=())


@dataclass(frozen=True, kw_only=True, slots=True)
class CleanRows:
    """Rows that can become Examples, and what happened to those before them.

    Attributes:
        batch: Labelled rows that pass the filter, without a missing value in a
            column that must be there.
        read, filtered, unlabelled: Rows looked at, left out by the filter, left out for
            want of a label.
        bad: Rows that cannot become Examples.
    """

    batch: pa.RecordBatch
    read: int
    filtered: int
    unlabelled: int
    bad: tuple[BadRow, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class RowReader:
    """Which rows and columns of a file a run wants.

    Attributes:
        label: Column without which a row is left out.
        required: Columns that must not be missing: key, event time, group.
        columns: Columns to keep; None: all.
        exclude_columns: Columns to leave out.
        where: The filter: (column, operator, value), all of which must hold.
    """

    label: str
    required: tuple[str, ...]
    columns: tuple[str, ...] | None = None
    exclude_columns: tuple[str, ...] = ()
    where: tuple[tuple[str, str, Any], ...] = field(default=())

    def kept_columns(self, schema: pa.Schema) -> list[str]:
        """Returns the columns of a file that become features, in file order."""
        return [
            name
            for name in schema.names
            if (self.columns is None or name in self.columns)
            and name not in self.exclude_columns
        ]

    def read(
        self, fragment: Fragment, only: Sequence[str] | None = None
    ) -> Iterator[CleanRows]:
        """Yields the rows of a part in file order, at most BATCH_ROWS at a time.

        Args:
            fragment: The part.
            only: Columns to read and check, beside the filter's and the label; None:
                all that are kept.

        Raises:
            DataContractError: The file cannot be read as what its name says.
        """
        schema = fragment.file.schema()
        kept = list(only) if only else self.kept_columns(schema)
        columns = list(dict.fromkeys([*kept, self.label, *filter_columns(self.where)]))
        for part, num_left_out in self._parts(fragment):
            if num_left_out:
                yield _left_out(num_left_out, schema, kept)
                continue
            for chunk in part.file.read(columns, part.row_groups, part.first_row):
                yield from self._clean(chunk, kept, part.file)

    def _parts(self, fragment: Fragment) -> Iterator[tuple[Fragment, int]]:
        """Yields what to read, and how many rows need not be read."""
        if not self.where or not fragment.row_groups:
            yield fragment, 0
            return
        first_row = fragment.first_row
        for group in judge_row_groups(
            fragment.file.path, fragment.row_groups, self.where
        ):
            part = dataclasses.replace(
                fragment, row_groups=(group.number,), first_row=first_row
            )
            yield part, 0 if group.may_pass else group.num_rows
            first_row += group.num_rows

    def _clean(
        self, chunk: RowChunk, kept: list[str], file: SourceFile
    ) -> Iterator[CleanRows]:
        bad = chunk.bad
        for start in range(0, max(chunk.batch.num_rows, 1), BATCH_ROWS):
            rows = chunk.rows[start : start + BATCH_ROWS]
            batch, numbers = self._filter(chunk.batch.slice(start, BATCH_ROWS), rows)
            is_labelled = np.asarray(batch.column(self.label).is_valid())
            labelled = batch.filter(pa.array(is_labelled)).select(kept)
            present, missing = self._check(labelled, numbers[is_labelled], file)
            yield CleanRows(
                batch=present,
                read=len(rows) + len(bad),
                filtered=len(rows) - batch.num_rows,
                unlabelled=batch.num_rows - labelled.num_rows,
                bad=(*bad, *missing),
            )
            bad = ()

    def _filter(
        self, batch: pa.RecordBatch, rows: np.ndarray
    ) -> tuple[pa.RecordBatch, np.ndarray]:
        if not self.where:
            return batch, rows
        table = pa.Table.from_batches([batch]).append_column(_ROW, pa.array(rows))
        table = table.filter(build_filter(self.where)).combine_chunks()
        (left,) = table.to_batches() or [
            pa.RecordBatch.from_pylist([], schema=table.schema)
        ]
        return left.drop_columns([_ROW]), np.asarray(left.column(_ROW))

    def _check(
        self, batch: pa.RecordBatch, rows: np.ndarray, file: SourceFile
    ) -> tuple[pa.RecordBatch, list[BadRow]]:
        """Takes out the rows in which a required column is missing."""
        fits = np.ones(batch.num_rows, dtype=bool)
        bad = []
        for name in self.required:
            if name not in batch.schema.names or not batch.column(name).null_count:
                continue
            missing = np.asarray(batch.column(name).is_null())
            bad += [
                file.bad_row(int(rows[place]), name, None, "expected a value")
                for place in np.flatnonzero(missing & fits)
            ]
            fits &= ~missing
        return (batch.filter(pa.array(fits)) if bad else batch), bad


def _left_out(num_rows: int, schema: pa.Schema, kept: Sequence[str]) -> CleanRows:
    """Returns rows that the filter leaves out unread."""
    fields = pa.schema([schema.field(name) for name in kept])
    return CleanRows(
        batch=pa.RecordBatch.from_pylist([], schema=fields),
        read=num_rows,
        filtered=num_rows,
        unlabelled=0,
        bad=(),
    )


def reader_from_settings(
    settings: Mapping[str, Any], *, label: str, required: Sequence[str]
) -> RowReader:
    """Builds the reader from the data settings, as JSON gives them."""
    columns = settings.get("columns")
    return RowReader(
        label=label,
        required=tuple(dict.fromkeys(required)),
        columns=tuple(columns) if columns else None,
        exclude_columns=tuple(settings.get("exclude_columns") or ()),
        where=tuple(
            (column, operator, value)
            for column, operator, value in settings.get("where") or ()
        ),
    )

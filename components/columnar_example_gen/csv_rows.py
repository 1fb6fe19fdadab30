"""Reads a CSV file with given types, and finds the rows that do not fit them.

As long as all values fit, Arrow converts them. From the first block that holds a
misfit on, the file is read as text and converted column by column, which costs five
times as much and tells which values they are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from components.columnar_example_gen.bad_rows import BadRow, shorten

_BLOCK_BYTES = 1 << 22


@dataclass(frozen=True, kw_only=True, slots=True)
class RowChunk:
    """Some rows of a file.

    Attributes:
        batch: The rows that fit.
        rows: int64 [rows of batch]. Their numbers in the file, from 1.
        bad: The rows between them that do not.
    """

    batch: pa.RecordBatch
    rows: npt.NDArray[np.int64]
    bad: tuple[BadRow, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class CsvFile:
    """One CSV file.

    Attributes:
        path: Where it is; *.gz is unpacked on the way.
        span: The span it belongs to.
    """

    path: str
    span: int

    def schema(self, declared: dict[str, pa.DataType]) -> pa.Schema:
        """Returns the columns; the types not declared are those of the first block.

        Misfits are no error here.
        """
        as_text = dict.fromkeys(declared, pa.string())
        try:
            with self._open(as_text) as reader:
                found = reader.schema
        except pa.ArrowInvalid:  # a misshapen row in the first block
            with self._open(as_text, skip=lambda _: "skip") as reader:
                found = reader.schema
        return pa.schema(
            [(field.name, declared.get(field.name, field.type)) for field in found]
        )

    def read(
        self, schema: pa.Schema, columns: Sequence[str] | None = None
    ) -> Iterator[RowChunk]:
        """Yields the rows in file order, the columns as `schema` has them."""
        wanted = schema.names if columns is None else list(columns)
        types = {name: schema.field(name).type for name in wanted}
        num_done = 0
        try:
            with self._open(types, wanted) as reader:
                for batch in reader:
                    rows = np.arange(num_done + 1, num_done + batch.num_rows + 1)
                    yield RowChunk(batch=batch, rows=rows)
                    num_done += batch.num_rows
        except pa.ArrowInvalid:
            yield from self._read_as_text(types, num_done)

    def _read_as_text(
        self, types: dict[str, pa.DataType], num_done: int
    ) -> Iterator[RowChunk]:
        """Yields the rows after the first `num_done`, which held no misfit."""
        misshapen: list[Any] = []

        def skip(row: Any) -> str:
            misshapen.append(row)
            return "skip"

        counter = _RowCounter()
        as_text = dict.fromkeys(types, pa.string())
        with self._open(as_text, list(types), skip=skip) as reader:
            for batch in reader:
                taken, misshapen[:] = list(misshapen), []
                rows = counter.number(batch.num_rows, [row.number for row in taken])
                kept = rows > num_done
                yield self._fit(
                    batch.filter(pa.array(kept)),
                    rows[kept],
                    types,
                    [self._misshapen(row) for row in taken],
                )
            if misshapen:
                empty = pa.RecordBatch.from_pylist([], pa.schema(list(types.items())))
                yield RowChunk(
                    batch=empty,
                    rows=np.array([], dtype=np.int64),
                    bad=tuple(self._misshapen(row) for row in misshapen),
                )

    def _fit(
        self,
        texts: pa.RecordBatch,
        rows: npt.NDArray[np.int64],
        types: dict[str, pa.DataType],
        misshapen: list[BadRow],
    ) -> RowChunk:
        fits = np.ones(len(rows), dtype=bool)
        columns, bad = [], misshapen
        for name, target in types.items():
            values, is_bad = convert(texts.column(name), target)
            columns.append(values)
            for place in np.flatnonzero(is_bad & fits):
                value = shorten(texts.column(name)[int(place)])
                bad.append(
                    self._bad(int(rows[place]), name, value, f"expected {target}")
                )
            fits &= ~is_bad
        batch = pa.RecordBatch.from_arrays(columns, names=list(types))
        return RowChunk(
            batch=batch.filter(pa.array(fits)),
            rows=rows[fits],
            bad=tuple(sorted(bad, key=lambda row: row.row)),
        )

    def _misshapen(self, row: Any) -> BadRow:
        reason = (
            f"expected {row.expected_columns} fields as in the header, "
            f"not {row.actual_columns}"
        )
        return self._bad(row.number - 1, "", shorten(row.text), reason)

    def _bad(self, row: int, column: str, value: str, reason: str) -> BadRow:
        return BadRow(
            file=Path(self.path).name,
            span=self.span,
            row=row,
            column=column,
            value=value,
            reason=reason,
        )

    def _open(
        self,
        types: dict[str, pa.DataType],
        columns: Sequence[str] | None = None,
        skip: Any = None,
    ) -> pa.csv.CSVStreamingReader:
        return pa.csv.open_csv(
            self.path,
            # Which row is misshapen, only one thread can tell.
            read_options=pa.csv.ReadOptions(
                use_threads=skip is None, block_size=_BLOCK_BYTES
            ),
            parse_options=pa.csv.ParseOptions(
                newlines_in_values=True, invalid_row_handler=skip
            ),
            convert_options=pa.csv.ConvertOptions(
                column_types=types,
                include_columns=list(columns) if columns else None,
                strings_can_be_null=True,
            ),
        )


class _RowCounter:
    """Numbers the rows that are left when others are skipped."""

    def __init__(self) -> None:
        self._next = 1
        self._skipped: set[int] = set()

    def number(self, num_rows: int, skipped_lines: list[int]) -> npt.NDArray[np.int64]:
        """Returns the numbers of the next rows.

        Args:
            num_rows: How many there are.
            skipped_lines: Records skipped, the header being 1; some may lie behind
                these rows.
        """
        self._skipped |= {line - 1 for line in skipped_lines}
        found: list[int] = []
        while len(found) < num_rows:
            if self._next not in self._skipped:
                found.append(self._next)
            self._next += 1
        return np.array(found, dtype=np.int64)


def convert(
    texts: pa.Array, target: pa.DataType
) -> tuple[pa.Array, npt.NDArray[np.bool_]]:
    """Returns the texts as `target`, null where that is impossible, and where that is.

    Null stays null. Spaces around a number or a time are left out.
    """
    if pa.types.is_string(target) or pa.types.is_null(target):
        is_bad = np.zeros(len(texts), dtype=bool)
        return pc.cast(texts, target) if pa.types.is_string(target) else texts, is_bad
    coded = pc.utf8_trim_whitespace(texts).dictionary_encode("encode")
    converted, fits = [], []
    for value in coded.dictionary:
        try:
            converted.append(pc.cast(value, target))
            fits.append(True)
        except pa.ArrowInvalid:
            converted.append(pa.scalar(None, target))
            fits.append(False)
    if not converted:
        return pa.array([], target), np.zeros(0, dtype=bool)
    values = pa.array([value.as_py() for value in converted], target)
    is_bad = ~np.array(fits)[np.asarray(coded.indices)]
    return values.take(coded.indices), is_bad

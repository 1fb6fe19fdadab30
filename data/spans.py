"""The span contract: how rows reach ExampleGen, in one definition.

    {input_base}/
      span-1/                 or another pattern: data/span_layout.py
        part-00000.parquet    or another format: data/file_formats.py
        manifest.json         see data/manifest.py; optional for a user's own files
      span-2/
        version-1/ …          a span may have versions; the newest is read
      .writing-span-3-<id>/   a span being written; no pattern `span-*` matches it

Spans are append-only: a folder appears whole (rename) and never changes afterwards,
so its digest names its contents for good.

Read a span by its files, not by its folder (pyarrow takes manifest.json for data).
Parquet knows no seconds: timestamp[s] comes back as timestamp[ms].
"""

import hashlib
import json
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data.errors import (
    DataContractError,
    SpanCorruptError,
    SpanExistsError,
    SpanNotFoundError,
    list_in_words,
)
from data.manifest import MANIFEST_NAME, SpanFile, SpanManifest
from data.span_files import describe_file, is_data_file, list_data_files, sha256_of
from data.span_layout import SpanFolder, SpanLayout

__all__ = [
    "DataContractError",
    "SpanCorruptError",
    "SpanExistsError",
    "SpanFile",
    "SpanLayout",
    "SpanManifest",
    "SpanNotFoundError",
    "content_digest",
    "find_span",
    "list_spans",
    "load_manifest",
    "span_folder",
    "verify_span",
    "write_span",
]

PART_NAME = "part-00000.parquet"
ROW_GROUP_ROWS = 65_536
STALE_AFTER_S = 3600.0
DEFAULT_LAYOUT = SpanLayout()


def span_folder(input_base: Path, span: int) -> Path:
    """Returns `{input_base}/span-{span}`, where `write_span` puts it."""
    return input_base / f"span-{span}"


def list_spans(input_base: Path, layout: SpanLayout = DEFAULT_LAYOUT) -> list[int]:
    """Returns the spans under `input_base`, ascending; none gives an empty list.

    Raises:
        DataContractError: As for `SpanLayout.find`.
    """
    return list(layout.find(input_base))


def find_span(
    input_base: Path, span: int, layout: SpanLayout = DEFAULT_LAYOUT
) -> SpanFolder:
    """Returns the folder a span is read from.

    Raises:
        SpanNotFoundError: The span has no folder.
        DataContractError: As for `SpanLayout.find`.
    """
    folders = layout.find(input_base)
    if span not in folders:
        raise SpanNotFoundError(span, input_base, list(folders))
    return folders[span]


def write_span(
    input_base: Path, span: int, table: pa.Table, *, event_time: str, source: str
) -> SpanManifest:
    """Writes one span as a whole or not at all, and never over another.

    Calling it again with the same rows changes nothing. "The same" means the same
    Parquet bytes: equal tables under one version of pyarrow, chunking aside.

    Args:
        input_base: Folder of all spans; created if missing.
        span: Span number, >= 1.
        table: The rows, at least one, in the order they are to be stored.
        event_time: Name of the column that says when a row happened: a timestamp with
            time zone UTC, without nulls.
        source: Where the rows come from: package, version, licence.

    Returns:
        The manifest of the span, or of the equal one that was already there.

    Raises:
        SpanExistsError: The span exists with other contents, which stay untouched.
        SpanCorruptError: The span exists, and its files have changed since.
        DataContractError: `span` < 1, no rows, or no usable event time.
    """
    if span < 1:
        raise DataContractError(f"span is {span}; expected a positive integer")
    first, last = _event_time_range(table, event_time)
    with _writing_folder(input_base, span) as folder:
        _write_parquet(table, folder / PART_NAME)
        manifest = SpanManifest(
            span=span,
            files=(describe_file(folder / PART_NAME),),
            first_event_time=first,
            last_event_time=last,
            source=source,
        )
        (folder / MANIFEST_NAME).write_text(manifest.to_json(), encoding="utf-8")
        target = span_folder(input_base, span)
        try:
            folder.rename(target)
        except OSError:
            if not target.is_dir():
                raise
            return _require_equal(input_base, manifest)
    return manifest


def load_manifest(
    input_base: Path, span: int, layout: SpanLayout = DEFAULT_LAYOUT
) -> SpanManifest:
    """Reads the manifest of a span, or makes one if its folder has none.

    Trusts manifest.json; `verify_span` is the check. Without one (a user's own files)
    every file is hashed and its rows are counted on each call.

    Raises:
        SpanNotFoundError: The span has no folder.
        DataContractError: manifest.json cannot be read or names another span or
            version, or the folder holds no data file.
    """
    folder = find_span(input_base, span, layout)
    path = folder.path / MANIFEST_NAME
    if not path.is_file():
        return SpanManifest(
            span=span,
            version=folder.version,
            files=tuple(describe_file(file) for file in list_data_files(folder.path)),
        )
    manifest = SpanManifest.from_json(path.read_text(encoding="utf-8"), path)
    if manifest.span != span:
        raise DataContractError(
            f"{path} describes span {manifest.span}, but lies in the folder of span "
            f"{span}; was the folder copied or renamed?"
        )
    if manifest.version != folder.version:
        raise DataContractError(
            f"{path} describes version {manifest.version}, but lies in the folder of "
            f"version {folder.version} of span {span}; was the folder copied?"
        )
    return manifest


def verify_span(
    input_base: Path, span: int, layout: SpanLayout = DEFAULT_LAYOUT
) -> dict[str, str]:
    """Checks that a span still is what its manifest says: no less and no more.

    A span without manifest.json has nothing to be compared with and passes.

    Returns:
        File name to the SHA-256 of the bytes that are there now, by name.

    Raises:
        SpanCorruptError: A file is missing, changed, or not in the manifest.
        SpanNotFoundError: The span has no folder.
        DataContractError: As for `load_manifest`.
    """
    folder = find_span(input_base, span, layout).path
    if not (folder / MANIFEST_NAME).is_file():
        return {path.name: sha256_of(path) for path in list_data_files(folder)}
    manifest = load_manifest(input_base, span, layout)
    expected = {file.name: file.sha256 for file in manifest.files}
    found = {path.name: path for path in folder.iterdir() if is_data_file(path)}
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            raise SpanCorruptError(folder, name, f"sha256 {expected[name]}", "no file")
        if name not in expected:
            raise SpanCorruptError(folder, name, "no such file", "an extra data file")
        sha256 = sha256_of(found[name])
        if sha256 != expected[name]:
            raise SpanCorruptError(
                folder, name, f"sha256 {expected[name]}", f"sha256 {sha256}"
            )
    return dict(sorted(expected.items()))


def content_digest(digests: Iterable[tuple[int, str]]) -> str:
    """Returns the SHA-256 (hex) over all files of several spans.

    Args:
        digests: Span and `SpanManifest.digest`, in the order the spans are read.
    """
    listed = [[span, digest] for span, digest in digests]
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()


def _require_equal(input_base: Path, manifest: SpanManifest) -> SpanManifest:
    """Returns the manifest on disk if it describes the same contents."""
    existing = load_manifest(input_base, manifest.span)
    if existing.digest != manifest.digest:
        folder = span_folder(input_base, manifest.span)
        raise SpanExistsError(manifest.span, folder, existing.digest, manifest.digest)
    verify_span(input_base, manifest.span)
    return existing


@contextmanager
def _writing_folder(input_base: Path, span: int) -> Iterator[Path]:
    """Yields a new folder beside the spans; gone afterwards unless renamed."""
    prefix = f".writing-span-{span}-"
    for stale in input_base.glob(f"{prefix}*"):
        if time.time() - stale.stat().st_mtime > STALE_AFTER_S:
            shutil.rmtree(stale, ignore_errors=True)
    folder = input_base / f"{prefix}{uuid.uuid4().hex}"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_parquet(table: pa.Table, path: Path) -> None:
    """Writes the same bytes for the same rows: one chunk, no schema metadata."""
    pq.write_table(
        table.combine_chunks().replace_schema_metadata(None),
        path,
        row_group_size=ROW_GROUP_ROWS,
        compression="zstd",
    )


def _event_time_range(table: pa.Table, event_time: str) -> tuple[str, str]:
    """Returns the first and last event time as ISO 8601 text in UTC."""
    if event_time not in table.column_names:
        raise DataContractError(
            f"the table has no event time column {event_time!r}; its columns are "
            f"{list_in_words(table.column_names)}"
        )
    column = table[event_time]
    if not pa.types.is_timestamp(column.type) or column.type.tz != "UTC":
        raise DataContractError(
            f"event time column {event_time!r} has type {column.type}; expected a "
            "timestamp with time zone UTC"
        )
    if len(column) == 0 or column.null_count:
        raise DataContractError(
            f"event time column {event_time!r} has {column.null_count} nulls in "
            f"{len(column)} rows; expected at least one row and no null"
        )
    first, last = pc.min_max(column).as_py().values()
    return _iso_utc(first), _iso_utc(last)


def _iso_utc(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"

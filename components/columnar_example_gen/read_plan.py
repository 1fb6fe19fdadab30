"""What a run reads and how it is divided, fixed before the first row is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from components.columnar_example_gen.row_filter import check_filter
from components.columnar_example_gen.row_reader import Fragment, RowReader
from components.columnar_example_gen.source_files import SourceFile, check_columns
from components.columnar_examples.event_times import epoch_seconds
from data.errors import DataContractError
from data.manifest import MANIFEST_NAME, SpanManifest, digest_of_files
from data.spans import (
    SpanLayout,
    content_digest,
    find_span,
    load_manifest,
    verify_span,
)
from serving.bundle.contract import Span


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifiedSpans:
    """The files of a run, whose bytes were compared with their manifests.

    Attributes:
        files: By span and name.
        content_digest: SHA-256 over the bytes that were found, as
            `data.spans.content_digest` gives it.
        versions: Span to the version read; spans without versions are left out.
        times: Span to first and last second of its rows, where a manifest says so.
        records: Each span with its digest and rows, as a model's contract names it.
    """

    files: tuple[SourceFile, ...]
    content_digest: str
    versions: dict[int, int]
    times: dict[int, tuple[int, int]]
    records: tuple[Span, ...]


def verify_spans(
    input_base: Path,
    spans: Sequence[int],
    layout: SpanLayout,
    csv_kinds: Mapping[str, str],
) -> VerifiedSpans:
    """Hashes every file of the spans and compares it with the span's manifest.

    Raises:
        DataContractError: A span is missing, or is not what its manifest says.
    """
    files: list[SourceFile] = []
    digests, records, versions, times = [], [], {}, {}
    for span in sorted(spans):
        sha256s = verify_span(input_base, span, layout)
        folder = find_span(input_base, span, layout)
        digests.append((span, digest_of_files(sha256s.items())))
        if folder.version is not None:
            versions[span] = folder.version
        manifest = load_manifest(input_base, span, layout)
        records.append(
            Span(span=span, digest=manifest.digest, num_rows=manifest.num_rows)
        )
        if (folder.path / MANIFEST_NAME).is_file():
            times.update(_times_of(manifest))
        files += [
            SourceFile(path=str(folder.path / name), span=span, csv_kinds=csv_kinds)
            for name in sha256s
        ]
    return VerifiedSpans(
        files=tuple(files),
        content_digest=content_digest(digests),
        versions=versions,
        times=times,
        records=tuple(records),
    )


def _times_of(manifest: SpanManifest) -> dict[int, tuple[int, int]]:
    first, last = manifest.first_event_time, manifest.last_event_time
    if first is None or last is None:
        return {}
    return {manifest.span: (_seconds(first), _seconds(last))}


def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def check_files(
    files: Sequence[SourceFile],
    reader: RowReader,
    required: Sequence[str],
    file_format: str | None = None,
) -> None:
    """Checks format, columns and filter against every file's header.

    Raises:
        DataContractError: As for `check_columns` and `check_filter`; a file has another
            format; or the projection leaves out a column that is needed.
    """
    for file in files:
        if file_format is not None and file.file_format != file_format:
            raise DataContractError(
                f"data.format is {file_format!r}, but span {file.span} holds "
                f"{file.name}"
            )
    check_columns(files, required)
    for file in files:
        schema = file.schema()
        check_filter(reader.where, schema, f"{file.name} of span {file.span}")
        kept = reader.kept_columns(schema)
        for name in required:
            if name not in kept:
                raise DataContractError(
                    f"data.columns or data.exclude_columns leaves out {name!r}, which "
                    "the run needs: key, event time, label and the split's column stay."
                )


def event_times(
    fragments: Sequence[Fragment],
    reader: RowReader,
    event_time: str,
    settings: Mapping[str, Any],
    known: Mapping[int, tuple[int, int]],
) -> dict[int, npt.NDArray[np.int64]]:
    """Returns what a cut in time is computed from.

    A cut between spans needs no more than the first and last time of each, which
    manifests know: where those do not overlap, nothing is read.

    Args:
        fragments: All parts of the run.
        reader: Which rows count.
        event_time: Column with the event time.
        settings: `by` and `eval_spans` of the configuration.
        known: Span to first and last second, from manifests.

    Returns:
        Span to int64 [times] seconds since the epoch, of rows with a label or, from
        manifests, of all rows; empty unless the split is by time.
    """
    if settings["by"] != "time":
        return {}
    spans = sorted({fragment.file.span for fragment in fragments})
    num_eval = settings["eval_spans"]
    if num_eval and len(spans) > num_eval and all(span in known for span in spans):
        last_train = max(known[span][1] for span in spans[:-num_eval])
        first_eval = min(known[span][0] for span in spans[-num_eval:])
        if last_train < first_eval:
            return {span: np.array(known[span], dtype=np.int64) for span in spans}
    return _read_times(fragments, reader, event_time)


def _read_times(
    fragments: Sequence[Fragment], reader: RowReader, event_time: str
) -> dict[int, npt.NDArray[np.int64]]:
    """Reads the event times of rows that pass: two columns and the filter's."""
    parts: dict[int, list[npt.NDArray[np.int64]]] = {}
    for fragment in fragments:
        found = parts.setdefault(fragment.file.span, [])
        for rows in reader.read(fragment, only=[event_time]):
            found.append(epoch_seconds(rows.batch.column(event_time)))
    return {
        span: np.concatenate(times) if times else np.array([], dtype=np.int64)
        for span, times in parts.items()
    }

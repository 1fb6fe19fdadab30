"""The flights of the year: what is asked, what turned out, what arrives as spans."""

import dataclasses
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data.flights.columns import EVENT_TIME, LABEL, arrow_schema
from data.flights.source import prepare, prepare_sample, slice_evenly
from data.manifest import MANIFEST_NAME
from data.spans import load_manifest, span_folder, write_span

KEY = "flight_id"
LABEL_DELAY = timedelta(days=1)


def prepare_source(folder: Path, rows_per_span: int | None) -> None:
    """Writes the twelve months as spans, unless they are there."""
    if rows_per_span is None:
        prepare(folder)
    else:
        prepare_sample(folder, rows_per_span)


def read_span(source: Path, month: int) -> Any:
    """Returns a month's rows, by event time, as pyarrow.Table."""
    path = span_folder(source, month) / "part-00000.parquet"
    return pq.read_table(path).cast(arrow_schema())


def served_rows(source: Path, month: int, rows_per_month: int | None) -> Any:
    """Returns the rows of a month that are served, by event time."""
    rows = read_span(source, month)
    return rows if rows_per_month is None else slice_evenly(rows, rows_per_month)


def days_of(rows: Any) -> list[tuple[date, Any]]:
    """Divides rows that are in order of time into days, UTC."""
    days = pc.floor_temporal(rows[EVENT_TIME], unit="day").to_numpy()
    starts = np.flatnonzero(np.r_[True, days[1:] != days[:-1]])
    ends = np.r_[starts[1:], len(rows)]
    return [
        (days[start].astype("datetime64[D]").item(), rows.slice(start, end - start))
        for start, end in zip(starts, ends, strict=True)
    ]


def midnight(day: date) -> datetime:
    """Returns the moment a day begins, UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def labels_of(rows: Any) -> Any:
    """Returns what turned out: key, label, label_time; rows without a label left out.

    A label is known `LABEL_DELAY` after the scheduled departure.
    """
    known = rows.filter(pc.is_valid(rows[LABEL]))
    times = pc.add(known[EVENT_TIME], pa.scalar(LABEL_DELAY, pa.duration("s")))
    return pa.table({"key": known[KEY], "label": known[LABEL], "label_time": times})


class SpanLanding:
    """Where months arrive as spans, each version of one beside the last."""

    def __init__(self, source: Path, spans: Path) -> None:
        """Takes the folder of the year as it was, and the one spans arrive in."""
        self._source = source
        self._spans = spans

    def land(self, month: int, rows: Any | None = None) -> int:
        """Lets a month arrive; returns the version of its span.

        Args:
            month: Its number is the span's.
            rows: As the feed sent them; None: as they were.
        """
        given = read_span(self._source, month) if rows is None else rows
        folder = span_folder(self._spans, month)
        version = 1 + sum(1 for _ in folder.glob("version-*"))
        aside = self._spans.parent / "arriving"
        source = load_manifest(self._source, month).source or ""
        manifest = write_span(aside, month, given, event_time=EVENT_TIME, source=source)
        numbered = dataclasses.replace(manifest, version=version)
        arrived = span_folder(aside, month)
        (arrived / MANIFEST_NAME).write_text(numbered.to_json(), encoding="utf-8")
        folder.mkdir(parents=True, exist_ok=True)
        arrived.rename(folder / f"version-{version}")
        shutil.rmtree(aside)
        return version

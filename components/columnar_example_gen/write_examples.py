"""The Beam part: each part of a source file becomes one TFRecord shard a split.

Files under {examples.uri}/:
    Split-train/data_tfrecord-00003-of-00012.gz
    Split-eval/data_tfrecord-00003-of-00012.gz
    columns/Split-train/…                      the same rows; see data/column_file.py
    quarantine/part-00003-of-00012.jsonl       see bad_rows.py
    row_counts.json

The shard's number is the part's place in the list, and rows keep their order, so
the same files give the same bytes on every engine. A shard is written beside its
place and renamed, so that a retried bundle never leaves half a file.
"""

import dataclasses
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa

from components.columnar_example_gen.bad_rows import (
    MAX_SHOWN,
    QUARANTINE_FOLDER,
    BadRow,
    BadRowRule,
    QuarantineFile,
)
from components.columnar_example_gen.row_reader import CleanRows, Fragment, RowReader
from components.columnar_example_gen.split_plan import SPLITS, SplitPlan
from components.columnar_examples.encode import encode_batch
from components.columnar_examples.event_times import epoch_seconds
from components.columnar_examples.example_columns import example_columns
from components.columnar_examples.tfrecord import ShardFile
from components.file_workers.map_files import MapFiles

ROW_COUNTS_FILE = "row_counts.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class RowCounts:
    """What happened to the rows of one or more parts.

    Attributes:
        rows: Rows read.
        filtered: Rows left out by data.where.
        unlabelled: Rows left out because the label is missing.
        quarantined: Rows left out because they cannot become Examples.
        bad: The first five of them.
        train, eval: Rows written to each split.
        train_last_s, eval_first_s: Latest training and earliest evaluation time,
            seconds since the epoch. None: no such row.
    """

    rows: int = 0
    filtered: int = 0
    unlabelled: int = 0
    quarantined: int = 0
    train: int = 0
    eval: int = 0
    train_last_s: int | None = None
    eval_first_s: int | None = None
    bad: tuple[BadRow, ...] = ()

    def plus(self, other: "RowCounts") -> "RowCounts":
        """Returns the counts of both together."""
        return RowCounts(
            rows=self.rows + other.rows,
            filtered=self.filtered + other.filtered,
            unlabelled=self.unlabelled + other.unlabelled,
            quarantined=self.quarantined + other.quarantined,
            train=self.train + other.train,
            eval=self.eval + other.eval,
            train_last_s=_pick(max, self.train_last_s, other.train_last_s),
            eval_first_s=_pick(min, self.eval_first_s, other.eval_first_s),
            bad=_first_rows((*self.bad, *other.bad)),
        )


def _first_rows(bad: Iterable[BadRow]) -> tuple[BadRow, ...]:
    """Returns the first of these rows, in an order that no engine changes."""
    in_order = sorted(bad, key=lambda row: (row.span, row.file, row.row))
    return tuple(in_order[:MAX_SHOWN])


def _pick(choose: type | object, left: int | None, right: int | None) -> int | None:
    present = [value for value in (left, right) if value is not None]
    return choose(present) if present else None  # type: ignore[operator]


@dataclass(frozen=True, kw_only=True, slots=True)
class ExampleWriter:
    """Writes the shards of one part; what a Beam worker is sent.

    Attributes:
        output_uri: The Examples artifact's folder.
        reader: Which rows and columns are wanted.
        plan: Which rows go where.
        bad_rows: What happens to rows that cannot become Examples.
        event_time: Column with the event time.
        num_shards: Number of parts.
    """

    output_uri: str
    reader: RowReader
    plan: SplitPlan
    bad_rows: BadRowRule
    event_time: str
    num_shards: int

    def write_shards(self, numbered: tuple[int, Fragment]) -> RowCounts:
        """Encodes one part; returns its counts.

        Stops early where the bad rows already decide that the run fails.
        """
        index, fragment = numbered
        counts = RowCounts()
        place = f"{index:05d}-of-{self.num_shards:05d}"
        output = Path(self.output_uri)
        with ExitStack() as stack:
            shards = {
                split: stack.enter_context(
                    ShardFile(output / f"Split-{split}" / f"data_tfrecord-{place}.gz")
                )
                for split in SPLITS
            }
            quarantine = stack.enter_context(
                QuarantineFile(output / QUARANTINE_FOLDER / f"part-{place}.jsonl")
            )
            for rows in self.reader.read(fragment):
                quarantine.write(rows.bad)
                counts = counts.plus(self._write_rows(rows, shards))
                if not self.bad_rows.may_go_on(counts.quarantined):
                    break
        return counts

    def _write_rows(
        self, rows: CleanRows, shards: Mapping[str, ShardFile]
    ) -> RowCounts:
        batch = rows.batch
        is_eval = self.plan.is_eval(batch)
        for split, chosen in (("train", ~is_eval), ("eval", is_eval)):
            if chosen.any():
                part = batch if chosen.all() else batch.filter(pa.array(chosen))
                shards[split].write(encode_batch(part), example_columns(part))
        times = epoch_seconds(batch.column(self.event_time))
        return RowCounts(
            rows=rows.read,
            filtered=rows.filtered,
            unlabelled=rows.unlabelled,
            quarantined=len(rows.bad),
            bad=_first_rows(rows.bad),
            train=int(np.sum(~is_eval)),
            eval=int(np.sum(is_eval)),
            train_last_s=int(times[~is_eval].max()) if (~is_eval).any() else None,
            eval_first_s=int(times[is_eval].min()) if is_eval.any() else None,
        )


def write_examples(
    pipeline: beam.Pipeline, fragments: Sequence[Fragment], writer: ExampleWriter
) -> None:
    """Adds the reading, encoding and counting of all parts to a Beam pipeline."""
    counts_path = str(Path(writer.output_uri) / ROW_COUNTS_FILE)
    _ = (
        pipeline
        | "Fragments" >> beam.Create(list(enumerate(fragments)))
        | "SpreadFragments" >> beam.Reshuffle()
        | "WriteShards"
        >> beam.ParDo(MapFiles(writer.write_shards)).with_input_types(Any)
        | "SumCounts" >> beam.CombineGlobally(_sum_counts)
        | "WriteCounts" >> beam.Map(_write_counts, counts_path)
    )


def _sum_counts(counts: Iterable[RowCounts]) -> RowCounts:
    total = RowCounts()
    for part in counts:
        total = total.plus(part)
    return total


def _write_counts(counts: RowCounts, path: str) -> None:
    beside = Path(f"{path}.{uuid.uuid4().hex}")
    beside.write_text(json.dumps(dataclasses.asdict(counts)), encoding="utf-8")
    beside.rename(path)


def read_counts(output_uri: str) -> RowCounts:
    """Reads the counts of a finished Examples artifact."""
    path = Path(output_uri) / ROW_COUNTS_FILE
    content = json.loads(path.read_text(encoding="utf-8"))
    bad = tuple(BadRow(**row) for row in content.pop("bad", ()))
    return RowCounts(**content, bad=bad)

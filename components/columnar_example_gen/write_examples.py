"""The Beam part: each source file becomes one TFRecord shard a split.

Files under {examples.uri}/:
    Split-train/data_tfrecord-00003-of-00012.gz
    Split-eval/data_tfrecord-00003-of-00012.gz
    row_counts.json

The shard's number is the file's place in the list, and rows keep their order, so
the same files give the same shards on every engine. A shard is written beside its
place and renamed, so that a retried bundle never leaves half a file.
"""

import dataclasses
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import compress
from pathlib import Path

import apache_beam as beam
import numpy as np
import pyarrow as pa

from components.columnar_example_gen.encode import encode_batch
from components.columnar_example_gen.source_files import SourceFile
from components.columnar_example_gen.split_plan import SPLITS, SplitPlan, epoch_seconds
from components.columnar_examples.shard_writer import ShardWriter

ROW_COUNTS_FILE = "row_counts.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class RowCounts:
    """What happened to the rows of one or more files.

    Attributes:
        rows: Rows read.
        unlabelled: Rows left out because the label is missing.
        train, eval: Rows written to each split.
        train_last_s, eval_first_s: Latest training and earliest evaluation time,
            seconds since the epoch. None: no such row.
    """

    rows: int = 0
    unlabelled: int = 0
    train: int = 0
    eval: int = 0
    train_last_s: int | None = None
    eval_first_s: int | None = None

    def plus(self, other: "RowCounts") -> "RowCounts":
        """Returns the counts of both together."""
        return RowCounts(
            rows=self.rows + other.rows,
            unlabelled=self.unlabelled + other.unlabelled,
            train=self.train + other.train,
            eval=self.eval + other.eval,
            train_last_s=_pick(max, self.train_last_s, other.train_last_s),
            eval_first_s=_pick(min, self.eval_first_s, other.eval_first_s),
        )


def _pick(choose: type | object, left: int | None, right: int | None) -> int | None:
    present = [value for value in (left, right) if value is not None]
    return choose(present) if present else None  # type: ignore[operator]


@dataclass(frozen=True, kw_only=True, slots=True)
class ExampleWriter:
    """Writes the shards of one file; what a Beam worker is sent.

    Attributes:
        output_uri: The Examples artifact's folder.
        plan: Which rows go where.
        event_time: Column with the event time.
        label: Column that must be present in a row.
        num_shards: Number of source files.
    """

    output_uri: str
    plan: SplitPlan
    event_time: str
    label: str
    num_shards: int

    def write_shards(self, numbered: tuple[int, SourceFile]) -> RowCounts:
        """Encodes one file; returns its counts."""
        index, file = numbered
        counts = RowCounts()
        with ExitStack() as stack:
            shards = {
                split: stack.enter_context(ShardWriter(self._shard_path(split, index)))
                for split in SPLITS
            }
            for batch in file.batches():
                counts = counts.plus(self._write_batch(batch, shards))
        return counts

    def _shard_path(self, split: str, index: int) -> Path:
        name = f"data_tfrecord-{index:05d}-of-{self.num_shards:05d}.gz"
        return Path(self.output_uri) / f"Split-{split}" / name

    def _write_batch(
        self, batch: pa.RecordBatch, shards: Mapping[str, ShardWriter]
    ) -> RowCounts:
        labelled = batch.filter(batch.column(self.label).is_valid())
        is_eval = self.plan.is_eval(labelled)
        rows = encode_batch(labelled)
        shards["train"].write(compress(rows, ~is_eval))
        shards["eval"].write(compress(rows, is_eval))
        times = epoch_seconds(labelled.column(self.event_time))
        return RowCounts(
            rows=batch.num_rows,
            unlabelled=batch.num_rows - labelled.num_rows,
            train=int(np.sum(~is_eval)),
            eval=int(np.sum(is_eval)),
            train_last_s=int(times[~is_eval].max()) if (~is_eval).any() else None,
            eval_first_s=int(times[is_eval].min()) if is_eval.any() else None,
        )


def write_examples(
    pipeline: beam.Pipeline, files: list[SourceFile], writer: ExampleWriter
) -> None:
    """Adds the reading, encoding and counting of all files to a Beam pipeline."""
    counts_path = str(Path(writer.output_uri) / ROW_COUNTS_FILE)
    _ = (
        pipeline
        | "Files" >> beam.Create(list(enumerate(files)))
        | "SpreadFiles" >> beam.Reshuffle()
        | "WriteShards" >> beam.Map(writer.write_shards)
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
    return RowCounts(**json.loads(path.read_text(encoding="utf-8")))


def list_source_files(
    input_base: str, names_by_span: dict[int, list[str]], csv_kinds: dict[str, str]
) -> Iterator[SourceFile]:
    """Yields the files of each span, spans and names in order."""
    for span in sorted(names_by_span):
        for name in sorted(names_by_span[span]):
            yield SourceFile(
                path=str(Path(input_base) / f"span-{span}" / name),
                span=span,
                csv_kinds=csv_kinds,
            )

"""Counts the values of text features, exactly, in Arrow, and in bounded memory.

TFDV's TopKUniquesStatsGenerator gives the same counts but hands Beam every distinct
value of every batch as an element of its own: for 327,346 flights that takes longer
than all other statistics together. It also holds all of them at once. Here a feature
whose values are many is counted on disk (counted_file.py), a part of them at a time.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import tensorflow_data_validation as tfdv
from tensorflow_data_validation import types
from tensorflow_data_validation.utils import top_k_uniques_stats_util
from tensorflow_metadata.proto.v0 import statistics_pb2

from components.columnar_statistics_gen.counted_file import (
    NUM_PARTS,
    read_part,
    split_into_parts,
    write_parts,
)

# Of a feature a summary, which is sent and held, has counts of so many bytes at most.
_HELD_BYTES = 1 << 17
# Counts of a feature that wait to be added up.
_WAITING_BYTES = 1 << 24

_BY_COUNT_THEN_VALUE = [("count", "descending"), ("value", "descending")]
_EMPTY = pa.table(
    {"value": pa.array([], pa.large_binary()), "count": pa.array([], pa.int64())}
)


@dataclass(frozen=True)
class TextCounts:
    """How often the values of text features occur in a part of the rows.

    Attributes:
        held: Of each feature a table (value: large_binary, count: int64) of distinct
            values.
        files: Of each feature whose values are many, files of counted_file.py with
            more of them.
    """

    held: Mapping[str, pa.Table] = field(default_factory=dict)
    files: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)


class TextCounter:
    """Counts batch by batch; what is too much to hold goes into files."""

    def __init__(self, folder: Path) -> None:
        """Names the folder for the files; it is made when there is one."""
        self._folder = folder
        self._waiting: dict[str, list[pa.Table]] = {}
        self._files: dict[str, list[Path]] = {}

    def add(self, batch: pa.RecordBatch) -> None:
        """Counts the values of every list<binary> column of a batch."""
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if pa.types.is_null(column.type) or not _is_text(column.type.value_type):
                continue
            counted = column.flatten().value_counts()
            if not len(counted):
                continue
            waiting = self._waiting.setdefault(name, [])
            waiting.append(
                pa.table(
                    {
                        "value": counted.field("values").cast(pa.large_binary()),
                        "count": counted.field("counts"),
                    }
                )
            )
            if sum(table.nbytes for table in waiting) > _WAITING_BYTES:
                self._waiting[name] = [add_up(waiting)]
                if self._waiting[name][0].nbytes > _WAITING_BYTES // 2:
                    self._write(name, self._waiting.pop(name)[0])

    def counts(self) -> TextCounts:
        """Returns what was counted; the counter is at its end."""
        held = {}
        for name, waiting in self._waiting.items():
            table = add_up(waiting)
            if table.nbytes > _HELD_BYTES:
                self._write(name, table)
            else:
                held[name] = table
        return TextCounts(
            held, {name: tuple(files) for name, files in self._files.items()}
        )

    def _write(self, name: str, table: pa.Table) -> None:
        self._files.setdefault(name, []).append(write_parts(table, self._folder))


def describe_texts(
    parts: Iterable[TextCounts],
) -> statistics_pb2.DatasetFeatureStatistics:
    """Returns the number of distinct values, the most frequent ones and their ranks.

    Of equally frequent values the greater one comes first, as in TFDV. Held at once: of
    a feature with files one of NUM_PARTS parts of its values.

    Args:
        parts: The counts of all rows; their files are still there.
    """
    counts = list(parts)
    names = {name for part in counts for name in (*part.held, *part.files)}
    options = tfdv.StatsOptions()
    num_ranks = max(options.num_top_values, options.num_rank_histogram_buckets)
    statistics = statistics_pb2.DatasetFeatureStatistics()
    for name in sorted(names):
        num_unique, top = _most_frequent(_distinct(name, counts), num_ranks)
        pairs = [
            top_k_uniques_stats_util.FeatureValueCount(value, count)
            for value, count in zip(
                top["value"].to_pylist(), top["count"].to_pylist(), strict=True
            )
        ]
        feature = top_k_uniques_stats_util.make_feature_stats_proto_topk_uniques(
            feature_path=types.FeaturePath([name]),
            num_top_values=options.num_top_values,
            num_rank_histogram_buckets=options.num_rank_histogram_buckets,
            num_unique=num_unique,
            value_count_list=pairs,
            frequency_threshold=options.frequency_threshold,
        )
        statistics.features.add().CopyFrom(feature)
    return statistics


def _distinct(name: str, counts: list[TextCounts]) -> Iterator[pa.Table]:
    """Yields tables of a feature's values, every value in one of them only."""
    held = add_up([part.held[name] for part in counts if name in part.held])
    files = [file for part in counts for file in part.files.get(name, ())]
    if not files:
        yield held
        return
    held_parts = split_into_parts(held)
    for part in range(NUM_PARTS):
        yield add_up([held_parts[part], *(read_part(file, part) for file in files)])


def _most_frequent(tables: Iterable[pa.Table], num: int) -> tuple[int, pa.Table]:
    """Returns how many values there are, and the first of them in order."""
    num_unique, top = 0, _EMPTY
    for table in tables:
        # Arrow fails over a table without rows.
        if not table.num_rows:
            continue
        num_unique += table.num_rows
        together = pa.concat_tables([top, table])
        places = pc.select_k_unstable(together, num, _BY_COUNT_THEN_VALUE)
        top = together.take(places)
    return num_unique, top


def add_up(tables: list[pa.Table]) -> pa.Table:
    """Returns one table in which every value occurs once."""
    if len(tables) <= 1:
        return tables[0] if tables else _EMPTY
    # In one thread the order of the groups is that of the rows.
    grouped = pa.concat_tables(tables).group_by("value", use_threads=False)
    merged = grouped.aggregate([("count", "sum")])
    return pa.table({"value": merged["value"], "count": merged["count_sum"]})


def _is_text(kind: pa.DataType) -> bool:
    return kind in (pa.binary(), pa.large_binary())

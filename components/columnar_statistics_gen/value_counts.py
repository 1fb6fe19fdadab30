"""Counts the values of text features, exactly and in Arrow.

TFDV's TopKUniquesStatsGenerator gives the same counts but hands Beam every distinct
value of every batch as an element of its own: for 327,346 flights that takes longer
than all other statistics together.
"""

from collections.abc import Iterable, Mapping

import pyarrow as pa
import tensorflow_data_validation as tfdv
from tensorflow_data_validation import types
from tensorflow_data_validation.utils import top_k_uniques_stats_util
from tensorflow_metadata.proto.v0 import statistics_pb2

ValueCounts = Mapping[str, pa.Table]
"""Of each text feature a table (value: binary, count: int64) of distinct values."""

_BY_COUNT_THEN_VALUE = [("count", "descending"), ("value", "descending")]


def count_texts(batch: pa.RecordBatch) -> ValueCounts:
    """Returns the counts of every list<binary> column of a batch that has values."""
    counts = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if not pa.types.is_null(column.type) and _is_text(column.type.value_type):
            counted = column.flatten().value_counts()
            if len(counted):
                counts[name] = pa.table(
                    {
                        "value": counted.field("values").cast(pa.large_binary()),
                        "count": counted.field("counts"),
                    }
                )
    return counts


def merge_counts(parts: Iterable[ValueCounts]) -> ValueCounts:
    """Adds up the counts of several parts of the rows."""
    tables: dict[str, list[pa.Table]] = {}
    for part in parts:
        for name, table in part.items():
            tables.setdefault(name, []).append(table)
    return {name: _merge(parts) for name, parts in tables.items()}


def describe_texts(counts: ValueCounts) -> statistics_pb2.DatasetFeatureStatistics:
    """Returns the number of distinct values, the most frequent ones and their ranks.

    Of equally frequent values the greater one comes first, as in TFDV.
    """
    options = tfdv.StatsOptions()
    num_ranks = max(options.num_top_values, options.num_rank_histogram_buckets)
    statistics = statistics_pb2.DatasetFeatureStatistics()
    for name, table in counts.items():
        top = table.sort_by(_BY_COUNT_THEN_VALUE).slice(0, num_ranks).to_pydict()
        pairs = [
            top_k_uniques_stats_util.FeatureValueCount(value, count)
            for value, count in zip(top["value"], top["count"], strict=True)
        ]
        feature = top_k_uniques_stats_util.make_feature_stats_proto_topk_uniques(
            feature_path=types.FeaturePath([name]),
            num_top_values=options.num_top_values,
            num_rank_histogram_buckets=options.num_rank_histogram_buckets,
            num_unique=table.num_rows,
            value_count_list=pairs,
            frequency_threshold=options.frequency_threshold,
        )
        statistics.features.add().CopyFrom(feature)
    return statistics


def _is_text(kind: pa.DataType) -> bool:
    return kind in (pa.binary(), pa.large_binary())


def _merge(tables: list[pa.Table]) -> pa.Table:
    if len(tables) == 1:
        return tables[0]
    # In one thread the order of the groups is that of the rows.
    grouped = pa.concat_tables(tables).group_by("value", use_threads=False)
    merged = grouped.aggregate([("count", "sum")])
    return pa.table({"value": merged["value"], "count": merged["count_sum"]})

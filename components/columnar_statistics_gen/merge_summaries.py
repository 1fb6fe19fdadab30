"""Puts the summaries of a split's files together into TFDV's statistics."""

from collections.abc import Iterable

from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx_bsl.statistics import merge_util

from components.columnar_statistics_gen.describe_file import (
    FileSummary,
    basic_generator,
)
from components.columnar_statistics_gen.value_counts import describe_texts


def merge_summaries(
    summaries: Iterable[FileSummary],
) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Returns the statistics of all rows.

    Args:
        summaries: One for each file, in any order: they are merged by path, so that
            the same files give the same statistics to the last bit.

    Returns:
        One dataset; without features if there is no row.
    """
    filled = sorted((s for s in summaries if s.num_rows), key=lambda s: s.path)
    if not filled:
        empty = statistics_pb2.DatasetFeatureStatisticsList()
        empty.datasets.add()
        return empty
    generator = basic_generator()
    basic = generator.merge_accumulators([summary.basic for summary in filled])
    texts = describe_texts(summary.texts for summary in filled)
    return merge_util.merge_dataset_feature_statistics(
        [generator.extract_output(basic), texts]
    )

"""What one file adds to a split's statistics, small enough to send and to merge."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import tensorflow_data_validation as tfdv

# tfdv itself names only the whole transform, which counts texts one by one in Python.
from tensorflow_data_validation.statistics.generators.basic_stats_generator import (
    BasicStatsGenerator,
)

from components.columnar_examples.batch_source import read_batches
from components.columnar_statistics_gen.value_counts import TextCounter, TextCounts


@dataclass(frozen=True)
class FileSummary:
    """One file's part of the statistics.

    Attributes:
        path: The file; summaries are merged in order of it.
        num_rows: Rows of the file.
        basic: TFDV's accumulator of counts, moments and quantile sketches.
        texts: How often each value of each text feature occurs. Its files belong to
            whoever named the folder.
    """

    path: str
    num_rows: int
    basic: Any
    texts: TextCounts


def basic_generator() -> BasicStatsGenerator:
    """Returns TFDV's generator with the settings of tfdv.StatsOptions()."""
    options = tfdv.StatsOptions()
    return BasicStatsGenerator(
        num_values_histogram_buckets=options.num_values_histogram_buckets,
        num_histogram_buckets=options.num_histogram_buckets,
        num_quantiles_histogram_buckets=options.num_quantiles_histogram_buckets,
        epsilon=options.epsilon,
    )


def describe_file(path: str, folder: str) -> FileSummary:
    """Summarizes one gzipped TFRecord of tf.Examples, a batch at a time.

    Args:
        path: The file.
        folder: For counts that are too many to send.
    """
    return describe_batches(path, read_batches(path), Path(folder))


def describe_batches(
    path: str, batches: Iterable[pa.RecordBatch], folder: Path
) -> FileSummary:
    """Summarizes a file's batches, columns of lists as the decoder makes them."""
    generator = basic_generator()
    basic = generator.create_accumulator()
    texts = TextCounter(folder)
    num_rows = 0
    for batch in batches:
        basic = generator.add_input(basic, batch)
        texts.add(batch)
        num_rows += batch.num_rows
    return FileSummary(path, num_rows, generator.compact(basic), texts.counts())

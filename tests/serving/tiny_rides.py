"""The rides that the tiny bundle learns from: rows, their schema, their statistics.

Invented by counting, so that they are the same everywhere and for ever.
"""

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from tensorflow_metadata.proto.v0 import statistics_pb2

FEATURES = ("miles", "month", "carrier")
CARRIERS = ("UA", "B6", "EV", "DL")
NUM_TRAIN_ROWS = 1000

SCHEMA = """\
# Rides, as small as a schema can be and still have every kind of feature.
default_environment: "TRAINING"
default_environment: "SERVING"
feature { name: "ride_id" type: BYTES presence { min_fraction: 1.0 min_count: 1 } }
feature { name: "miles" type: FLOAT value_count { min: 1 max: 1 } }
feature { name: "month" type: INT value_count { min: 1 max: 1 } }
feature { name: "carrier" type: BYTES value_count { min: 1 max: 1 } }
feature {
  name: "is_late" type: INT int_domain { min: 0 max: 1 } not_in_environment: "SERVING"
}
"""

RawRide = tuple[float | None, int | None, str | None]


def train_rows() -> list[RawRide]:
    """Returns 1,000 rides: 40 % UA, 30 % B6, 20 % EV, 10 % DL; some values missing."""
    carriers = ("UA",) * 4 + ("B6",) * 3 + ("EV",) * 2 + ("DL",)
    return [
        (
            None if place % 20 == 7 else round(3.7 + (place * 37) % 211 * 1.3, 2),
            None if place % 50 == 11 else 1 + place % 12,
            None if place % 25 == 3 else carriers[place % 10],
        )
        for place in range(NUM_TRAIN_ROWS)
    ]


def golden_rows() -> list[RawRide]:
    """Returns 24 rides: 20 of the kind above, each missing value, an unknown name."""
    rows = [row for row in train_rows() if None not in row][::44][:20]
    return [
        *rows,
        (None, 3, "EV"),
        (150.25, None, "B6"),
        (42.5, 12, None),
        (270.0, 7, "ZZ"),
    ]


def serialized_example(row: RawRide) -> bytes:
    """Returns a ride as a serialized tf.Example; what is missing is absent."""
    import tensorflow as tf

    miles, month, carrier = row
    example = tf.train.Example()
    features = example.features.feature
    if miles is not None:
        features["miles"].float_list.value.append(miles)
    if month is not None:
        features["month"].int64_list.value.append(month)
    if carrier is not None:
        features["carrier"].bytes_list.value.append(carrier.encode())
    return example.SerializeToString(deterministic=True)


def statistics(rows: list[RawRide]) -> bytes:
    """Returns the rides' statistics as TFDV writes them, the keys left out."""
    found = statistics_pb2.DatasetFeatureStatisticsList()
    dataset = found.datasets.add(num_examples=len(rows))
    for place, name in enumerate(FEATURES):
        values = [row[place] for row in rows if row[place] is not None]
        feature = dataset.features.add()
        feature.path.step.append(name)
        if name == "carrier":
            feature.type = statistics_pb2.FeatureNameStatistics.STRING
            _describe_texts(feature.string_stats, values)
        else:
            kinds = statistics_pb2.FeatureNameStatistics
            feature.type = kinds.FLOAT if name == "miles" else kinds.INT
            _describe_numbers(feature.num_stats, np.array(values, np.float64))
        stats = feature.string_stats if name == "carrier" else feature.num_stats
        common = stats.common_stats
        common.num_non_missing, common.tot_num_values = len(values), len(values)
        common.num_missing = len(rows) - len(values)
        common.min_num_values = common.max_num_values = 1
        common.avg_num_values = 1.0
    return found.SerializeToString(deterministic=True)


def _describe_texts(stats: Any, values: list[str]) -> None:
    counts = {name: values.count(name) for name in CARRIERS}
    stats.unique, stats.avg_length = len(counts), 2.0
    for rank, (name, count) in enumerate(counts.items()):
        stats.top_values.add(value=name, frequency=count)
        stats.rank_histogram.buckets.add(
            low_rank=rank, high_rank=rank, label=name, sample_count=count
        )


def _describe_numbers(stats: Any, values: npt.NDArray[Any]) -> None:
    stats.mean, stats.std_dev = values.mean(), values.std()
    stats.min, stats.max = values.min(), values.max()
    stats.median = np.median(values)
    counts, edges = np.histogram(values, 10)
    histogram = stats.histograms.add(type=statistics_pb2.Histogram.STANDARD)
    for count, low, high in zip(counts, edges[:-1], edges[1:], strict=True):
        histogram.buckets.add(low_value=low, high_value=high, sample_count=count)
    quantiles = stats.histograms.add(type=statistics_pb2.Histogram.QUANTILES)
    edges = np.quantile(values, np.linspace(0, 1, 11))
    for low, high in pairwise(edges):
        quantiles.buckets.add(
            low_value=low, high_value=high, sample_count=len(values) / 10
        )

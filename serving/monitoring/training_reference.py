"""Reads from a bundle what its model was trained on.

assets.extra/training_statistics.pb is TFDV's: of a number it holds how many values are
missing, smallest and largest, and a histogram of deciles whose counts are exact at
each decile (its other histogram is interpolated and not used); of a text the 1,000
most frequent values. No single value and no pair of features is in it. So a number is
compared in ten bins, a text by its listed values, and whether a value is new can only
be said where all are listed. The distribution of training's predictions is not there.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from google.protobuf.message import DecodeError
from tensorflow_metadata.proto.v0 import statistics_pb2

from serving.batch_scoring.row_rules import FeatureRule, feature_rules
from serving.bundle import layout
from serving.bundle.contract import Contract, read_contract
from serving.bundle.errors import BundleRefusedError
from serving.bundle.golden_batch import GoldenBatch, decode_golden_batch
from serving.bundle.schema_file import read_schema
from serving.input_statistics import TrainingFeature, training_features
from serving.monitoring.feature_space import CategorySpace, NumericSpace
from serving.monitoring.reference import (
    FeatureReference,
    MonitorReference,
    from_counts,
)


def bundle_reference(bundle: Path) -> MonitorReference:
    """Returns the reference that a model's training rows are.

    Args:
        bundle: Folder of a pushed version.

    Raises:
        BundleRefusedError: It is no bundle, or its statistics cannot be read.
        OSError: A file is missing.
    """
    sealed = read_contract(bundle)
    contract = sealed.contract
    statistics = read_statistics(bundle)
    rules = {rule.name: rule for rule in feature_rules(contract, read_schema(bundle))}
    features, untested = statistics_features(statistics, rules)
    batch = decode_golden_batch(layout.read_document(bundle, layout.GOLDEN_BATCH))
    return MonitorReference(
        model=contract.model.name,
        version=contract.model.version,
        bundle_digest=sealed.digest,
        source="training",
        features=features,
        untested=untested,
        golden_rows=_golden_table(batch, contract),
        evaluation=contract.evaluation,
    )


def read_statistics(bundle: Path) -> Any:
    """Returns the bundle's statistics_pb2.DatasetFeatureStatisticsList.

    Raises:
        BundleRefusedError: The file holds none.
    """
    text = layout.read_document(bundle, layout.STATISTICS)
    try:
        return statistics_pb2.DatasetFeatureStatisticsList.FromString(text)
    except DecodeError as error:
        raise BundleRefusedError(
            "format", f"{layout.STATISTICS} holds no statistics: {error}."
        ) from error


def statistics_features(
    statistics: Any, rules: dict[str, FeatureRule]
) -> tuple[dict[str, FeatureReference], dict[str, str]]:
    """Reads the references of features.

    Args:
        statistics: A DatasetFeatureStatisticsList; of several slices the first, all
            rows, is read.
        rules: Feature to its range, in the order to return them in.

    Returns:
        Feature to its reference, and feature to the reason why it has none.
    """
    datasets = statistics.datasets
    listed = datasets[0].features if datasets else ()
    by_name = {_name(stats): stats for stats in listed}
    complete = training_features(statistics)
    found: dict[str, FeatureReference] = {}
    untested = {}
    for name, rule in rules.items():
        stats = by_name.get(name)
        if stats is None:
            untested[name] = "training_statistics.pb does not have it"
        elif rule.is_text and stats.WhichOneof("stats") == "string_stats":
            found[name] = _text_reference(name, stats.string_stats, complete[name])
        elif not rule.is_text and _quantiles(stats) is not None:
            found[name] = _number_reference(stats, rule)
        else:
            untested[name] = "training_statistics.pb has no values of its type"
    return found, untested


def _name(stats: Any) -> str:
    return str(stats.name or ".".join(stats.path.step))


def _quantiles(stats: Any) -> Any:
    """Returns the histogram of deciles, or None."""
    kind = statistics_pb2.Histogram.HistogramType.Value("QUANTILES")
    for histogram in stats.num_stats.histograms:
        if histogram.type == kind and histogram.buckets:
            return histogram
    return None


def _number_reference(stats: Any, rule: FeatureRule) -> FeatureReference:
    """Bins end at the deciles; equal deciles share one end, and their counts."""
    numbers, histogram = stats.num_stats, _quantiles(stats)
    ends = np.array([bucket.high_value for bucket in histogram.buckets], np.float32)
    mass = np.array([bucket.sample_count for bucket in histogram.buckets])
    edges, places = np.unique(ends, return_inverse=True)
    low, high = number_range(rule, numbers.min, numbers.max)
    space = NumericSpace(edges=edges, low=low, high=high)
    bins = np.bincount(places, weights=mass, minlength=len(edges))
    missing = numbers.common_stats.num_missing + histogram.num_nan
    return from_counts(rule.name, space, np.array([missing, *bins, 0, 0], np.float64))


def number_range(rule: FeatureRule, least: float, most: float) -> tuple[float, float]:
    """Returns the schema's range; where it has no end, the reference's own.

    A reference that goes beyond the schema widens it: the model knows those values.
    """
    low = least if math.isinf(rule.low) else min(rule.low, least)
    high = most if math.isinf(rule.high) else max(rule.high, most)
    return low, high


def _text_reference(
    name: str, strings: Any, training: TrainingFeature
) -> FeatureReference:
    buckets = strings.rank_histogram.buckets
    values = tuple(bucket.label for bucket in buckets)
    listed = [bucket.sample_count for bucket in buckets]
    common = strings.common_stats
    rest = max(0.0, common.num_non_missing - sum(listed))
    space = CategorySpace(values=values, is_complete=training.categories is not None)
    counts = np.array([common.num_missing, *listed, rest], np.float64)
    return from_counts(name, space, counts)


def _golden_table(batch: GoldenBatch, contract: Contract) -> Any:
    texts = {raw.name for raw in contract.raw_features if raw.dtype == "string"}
    inputs = {
        name: pa.array(
            [row.raw[place] for row in batch.rows],
            pa.string() if name in texts else pa.float32(),
        )
        for place, name in enumerate(batch.raw_features)
    }
    outputs = {name: pa.array(batch.expected_output(name)) for name in batch.outputs}
    return pa.table({"inputs": _struct(inputs), "outputs": _struct(outputs)})


def _struct(columns: dict[str, Any]) -> Any:
    return pa.StructArray.from_arrays(list(columns.values()), list(columns))

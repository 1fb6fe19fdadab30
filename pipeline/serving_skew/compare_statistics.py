"""Compares logged rows with training by TFDV's skew comparators.

Which features are compared, how and from what distance on, the schema says that the
model was trained under: `skew_comparator` of each feature in the environment SERVING.
A distance alone does not know how many rows it is of, so a feature is judged only if
rows drawn from training itself would stay below its threshold 99 times in 100.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow_data_validation as tfdv
from scipy.stats import chi2
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from serving.bundle import layout, schema_file
from serving.monitoring.report_format import SkewFeature

SERVING = "SERVING"
_LEVEL = 0.01
# TFDV compares two histograms of ten buckets over all of their boundaries.
_BUCKETS = 20
_MEASURES = {
    anomalies_pb2.DriftSkewInfo.Measurement.L_INFTY: "l_infinity",
    anomalies_pb2.DriftSkewInfo.Measurement.JENSEN_SHANNON_DIVERGENCE: (
        "jensen_shannon"
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Distributions:
    """What the comparators found.

    Attributes:
        features: One for each comparator, in the schema's order.
        num_rows: Logged rows that were compared.
        not_judged: Why a feature was not, in sentences.
    """

    features: tuple[SkewFeature, ...]
    num_rows: int
    not_judged: tuple[str, ...] = ()


def compare_with_training(bundle: Path, serving: Any) -> Distributions:
    """Compares statistics of logged rows with a bundle's own.

    Args:
        bundle: The bundle that answered the rows.
        serving: A statistics_pb2.DatasetFeatureStatisticsList; see describe_log.

    Raises:
        BundleRefusedError: The bundle's schema cannot be read.
    """
    schema = _with_comparators_only(schema_file.read_schema(bundle))
    training = statistics_pb2.DatasetFeatureStatisticsList()
    training.ParseFromString(layout.read_document(bundle, layout.STATISTICS))
    num_rows = int(serving.datasets[0].num_examples) if serving.datasets else 0
    if not num_rows or not training.datasets or not schema.feature:
        return Distributions(features=(), num_rows=num_rows)
    names = {feature.name for feature in schema.feature}
    anomalies = tfdv.validate_statistics(
        _only(training, names), schema, serving_statistics=_only(serving, names)
    )
    found: list[SkewFeature] = []
    not_judged: list[str] = []
    for feature, measure, value, threshold in _measurements(anomalies, schema):
        needed = rows_needed(measure, threshold)
        found.append(
            SkewFeature(
                feature=feature,
                measure=measure,
                value=value,
                threshold=threshold,
                alarmed=value > threshold and num_rows >= needed,
            )
        )
        if num_rows < needed:
            not_judged.append(
                f"{feature}: {num_rows:,} rows are too few to judge a distance "
                f"({measure}) of {threshold:g}; expected at least {needed:,}"
            )
    compared = {one.feature for one in found}
    not_judged += [
        f"{name}: the log or the training statistics hold no value of it"
        for name in (feature.name for feature in schema.feature)
        if name not in compared
    ]
    return Distributions(
        features=tuple(found), num_rows=num_rows, not_judged=tuple(not_judged)
    )


def rows_needed(measure: str, threshold: float) -> int:
    """Returns from how many rows on chance alone passes a threshold once in 100 times.

        l_infinity      n = 2 ln(2 / 0.01) / threshold^2: the share of one value is the
                        difference of two cumulative ones, each within half of it
                        (Dvoretzky, Kiefer, Wolfowitz; Massart 1990)
        jensen_shannon  n = chi2(0.99, buckets - 1) / (8 ln 2 threshold): n times eight
                        times the divergence in nats is about chi-square (Lin 1991,
                        second order)

    Training's rows are taken as many more than the log's.

    Args:
        measure: "l_infinity" or "jensen_shannon".
        threshold: Of the comparator, > 0.
    """
    if measure == "l_infinity":
        return math.ceil(2 * math.log(2 / _LEVEL) / threshold**2)
    farthest = float(chi2.ppf(1 - _LEVEL, _BUCKETS - 1))
    return math.ceil(farthest / (8 * math.log(2) * threshold))


def _with_comparators_only(schema: schema_pb2.Schema) -> schema_pb2.Schema:
    """Returns the features with a skew comparator that requests hold, and no limits.

    Domains and presence are the business of whoever reads the rows.
    """
    kept = schema_pb2.Schema()
    for feature in schema.feature:
        is_served = SERVING not in feature.not_in_environment
        if is_served and feature.HasField("skew_comparator"):
            kept.feature.add(
                name=feature.name, type=feature.type
            ).skew_comparator.CopyFrom(feature.skew_comparator)
    return kept


def _only(
    statistics: statistics_pb2.DatasetFeatureStatisticsList, names: set[str]
) -> statistics_pb2.DatasetFeatureStatisticsList:
    kept = statistics_pb2.DatasetFeatureStatisticsList()
    whole = statistics.datasets[0]
    dataset = kept.datasets.add(num_examples=whole.num_examples)
    for feature in whole.features:
        if (feature.name or ".".join(feature.path.step)) in names:
            dataset.features.add().CopyFrom(feature)
    return kept


def _measurements(
    anomalies: anomalies_pb2.Anomalies, schema: schema_pb2.Schema
) -> Iterator[tuple[str, str, float, float]]:
    """Yields feature, measure, value and threshold in the schema's order."""
    by_name = {
        ".".join(info.path.step): info.skew_measurements
        for info in anomalies.drift_skew_info
    }
    for feature in schema.feature:
        for measured in by_name.get(feature.name, ()):
            if measured.type in _MEASURES:
                yield (
                    feature.name,
                    _MEASURES[measured.type],
                    float(measured.value),
                    float(measured.threshold),
                )

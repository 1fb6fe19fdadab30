"""Compares the categories in rows to be scored with those the model was trained on.

A feature whose values the model has never seen is scored, and scored badly: all unknown
values share one place in the vocabulary. One such row is ordinary; one in two is a feed
that changed its codes. Who scores rows (batch scoring, a server, a drill) counts,
merges counts as it likes, and asks for findings:

    training = training_features(statistics)
    counts = count_unknown({"carrier": {"UA": 3, "AirTran": 5}}, training)
    for finding in check_unknown_rates(counts, training, max_unknown_rate=0.2):
        print(finding.sentence)

Only text features are compared, and only those of which training_statistics.pb lists
every value (TFDV keeps the 1,000 most frequent): of the others it is not known.
Nothing here reads files or needs TensorFlow, and nothing holds rows.
"""

import heapq
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

DEFAULT_MAX_UNKNOWN_RATE = 0.2
MAX_EXAMPLES = 5
# Two-sided 99.9 %: several features are tested at once, and no three rows of a kind
# should stop a job at the default limit.
WILSON_Z = 3.2905

# What TFDV writes for values that are no UTF-8 or too long: several values in one.
_PLACEHOLDERS = ("__BYTES_VALUE__", "__LARGE_BYTES__")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingFeature:
    """What training_statistics.pb says of one feature.

    Attributes:
        name: The feature.
        missing_fraction: Share of training rows without a value, 0 to 1.
        categories: Every value of the training rows; None for numbers, and where the
            statistics do not list all values.
    """

    name: str
    missing_fraction: float
    categories: frozenset[str] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CategoryCounts:
    """How often a feature's values were unknown in some rows.

    Attributes:
        num_values: Values that are not missing.
        num_unknown: Those that no training row had.
        examples: Unknown value to its count, the most frequent MAX_EXAMPLES; after a
            merge of more values than that, the counts are lower bounds.
    """

    num_values: int = 0
    num_unknown: int = 0
    examples: Mapping[str, int] = field(default_factory=dict)

    @property
    def unknown_fraction(self) -> float:
        """Share of unknown values among those present, 0 to 1; 0 without any."""
        return self.num_unknown / self.num_values if self.num_values else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class UnknownRateFinding:
    """A feature with more unknown values than can be put up with.

    Attributes:
        feature: Its name.
        counts: What was counted.
        expected_fraction: Share of unknown values when the model was trained: 0, for
            every value of a training row is known.
        low_fraction: Lower end of the Wilson interval of the share found.
        max_unknown_rate: The limit, on top of what was expected.
    """

    feature: str
    counts: CategoryCounts
    expected_fraction: float
    low_fraction: float
    max_unknown_rate: float

    @property
    def sentence(self) -> str:
        """The finding in words, without a remedy."""
        listed = ", ".join(repr(value) for value in self.counts.examples)
        return (
            f"{self.counts.unknown_fraction:.1%} of the values of feature "
            f"{self.feature!r} ({self.counts.num_unknown:,} of "
            f"{self.counts.num_values:,}) were in no training row, such as {listed}; "
            f"at most {self.expected_fraction + self.max_unknown_rate:.1%} may be"
        )


def training_features(statistics: Any) -> dict[str, TrainingFeature]:
    """Reads a bundle's training statistics.

    Args:
        statistics: A statistics_pb2.DatasetFeatureStatisticsList of one split; of
            several slices the first is taken, which is all rows.

    Returns:
        Feature name to what is known of it; empty if there are no statistics.
    """
    if not statistics.datasets:
        return {}
    found = {}
    for feature in statistics.datasets[0].features:
        name = feature.name or ".".join(feature.path.step)
        kind = feature.WhichOneof("stats")
        common = getattr(feature, kind).common_stats if kind else None
        found[name] = TrainingFeature(
            name=name,
            missing_fraction=_missing_fraction(common),
            categories=_categories(feature) if kind == "string_stats" else None,
        )
    return found


def _missing_fraction(common: Any) -> float:
    if common is None:
        return 0.0
    num_rows = common.num_missing + common.num_non_missing
    return common.num_missing / num_rows if num_rows else 0.0


def _categories(feature: Any) -> frozenset[str] | None:
    buckets = feature.string_stats.rank_histogram.buckets
    labels = frozenset(bucket.label for bucket in buckets)
    is_complete = len(labels) == feature.string_stats.unique
    if not is_complete or any(label in _PLACEHOLDERS for label in labels):
        return None
    return labels


def count_unknown(
    value_counts: Mapping[str, Mapping[str, int]],
    training: Mapping[str, TrainingFeature],
) -> dict[str, CategoryCounts]:
    """Counts unknown values.

    Args:
        value_counts: Feature name to value to number of rows; "" is missing and is
            not counted.
        training: See training_features.

    Returns:
        Feature name to counts, for those of the features whose training values are
        known.
    """
    counted = {}
    for name, values in value_counts.items():
        categories = training[name].categories if name in training else None
        if categories is None:
            continue
        unknown = {
            value: count
            for value, count in values.items()
            if value and value not in categories
        }
        counted[name] = CategoryCounts(
            num_values=sum(values.values()) - values.get("", 0),
            num_unknown=sum(unknown.values()),
            examples=_most_frequent(unknown),
        )
    return counted


def merge_counts(
    counts: Iterable[Mapping[str, CategoryCounts]],
) -> dict[str, CategoryCounts]:
    """Adds up counts of several groups of rows; associative, and empty for no group."""
    merged: dict[str, CategoryCounts] = {}
    for group in counts:
        for name, added in group.items():
            so_far = merged.get(name, CategoryCounts())
            examples = dict(so_far.examples)
            for value, count in added.examples.items():
                examples[value] = examples.get(value, 0) + count
            merged[name] = CategoryCounts(
                num_values=so_far.num_values + added.num_values,
                num_unknown=so_far.num_unknown + added.num_unknown,
                examples=_most_frequent(examples),
            )
    return merged


def _most_frequent(values: Mapping[str, int]) -> dict[str, int]:
    def by_count(item: tuple[str, int]) -> tuple[int, str]:
        return (-item[1], item[0])

    return dict(heapq.nsmallest(MAX_EXAMPLES, values.items(), key=by_count))


def check_unknown_rates(
    counts: Mapping[str, CategoryCounts],
    training: Mapping[str, TrainingFeature],
    max_unknown_rate: float = DEFAULT_MAX_UNKNOWN_RATE,
) -> list[UnknownRateFinding]:
    """Finds features with more unknown values than in training by more than a limit.

    Few rows prove little: the lower end of the Wilson interval must lie above the
    limit, which at the default takes three rows if all three are unknown.

    Args:
        counts: See count_unknown; features that training does not know are skipped.
        training: See training_features.
        max_unknown_rate: Share of a feature's values, 0 to 1, inclusive; 1 lets
            everything pass.

    Returns:
        Findings, the highest share first; empty if all is well or there are no rows.
    """
    findings = []
    for name, counted in counts.items():
        if name not in training or training[name].categories is None:
            continue
        low = wilson_low(counted.num_unknown, counted.num_values)
        expected = 0.0
        if low - expected > max_unknown_rate:
            findings.append(
                UnknownRateFinding(
                    feature=name,
                    counts=counted,
                    expected_fraction=expected,
                    low_fraction=low,
                    max_unknown_rate=max_unknown_rate,
                )
            )
    return sorted(findings, key=lambda found: -found.counts.unknown_fraction)


def wilson_low(num_hits: int, num_trials: int, z: float = WILSON_Z) -> float:
    """Returns the lower end of Wilson's score interval of a share; 0 for no trials.

    Source:
        E. B. Wilson, "Probable inference, the law of succession, and statistical
        inference", JASA 22 (1927), 209-212.
    """
    if num_trials == 0:
        return 0.0
    share, square = num_hits / num_trials, z * z
    spread = math.sqrt(
        share * (1 - share) / num_trials + square / (4 * num_trials * num_trials)
    )
    centre = share + square / (2 * num_trials)
    return max(0.0, (centre - z * spread) / (1 + square / num_trials))

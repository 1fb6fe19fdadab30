"""Finds values outside a feature's domain in TFDV's statistics.

TFDV flags a feature only where the share passes the schema's `min_domain_mass`, and
says "~3%". The statistics hold more: for texts the 1,000 most frequent values with
exact counts, for numbers the exact least and largest value and the number of NaN.

What they do not hold is how many numbers lie beyond a bound. Both histograms are
interpolated from about 1,000 quantiles: one value of 9,999 among 9,800 below 100
appears as nine values between 1,000 and 9,999. They bound the count from above; the
count itself needs the rows (count_values.py).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from tensorflow_metadata.proto.v0 import statistics_pb2

from components.anomaly_gate.domains import (
    Domain,
    NumberDomain,
    TextDomain,
    number_text,
)

MAX_EXAMPLES = 5
NOT_UTF8 = "bytes that are not UTF-8"
# What TFDV writes in place of a value that is not UTF-8.
_TFDV_NOT_UTF8 = "__BYTES_VALUE__"
EXACTLY = ""
AT_LEAST = "at least "
AT_MOST = "at most about "


@dataclass(frozen=True, kw_only=True, slots=True)
class OutsideValues:
    """How many values of one feature lie outside its domain.

    Attributes:
        count: Values outside; 0 only together with `bound` AT_LEAST.
        total: Values present, NaN included. A row may hold several.
        examples: At most MAX_EXAMPLES of them with their counts, as "'ZZ' (300)",
            most frequent first; empty where the statistics do not tell.
        bound: EXACTLY, AT_LEAST or AT_MOST: how `count` is meant.
        observed: Least and largest number, "0 to 25"; "" for texts.
    """

    count: int
    total: int
    examples: tuple[str, ...] = ()
    bound: str = EXACTLY
    observed: str = ""

    @property
    def fraction(self) -> float:
        """Share of the values, in [0, 1]."""
        return self.count / self.total if self.total else 0.0


def find_outside(
    statistics: statistics_pb2.FeatureNameStatistics, domain: Domain
) -> OutsideValues | None:
    """Returns what the statistics tell about values outside the domain.

    Returns:
        None: no value is outside, there is no value, or the feature holds another
        kind of value than the domain (which is a wrong type, not a wrong value).
    """
    holds = statistics.WhichOneof("stats")
    if isinstance(domain, TextDomain) and holds == "string_stats":
        return _outside_texts(statistics.string_stats, domain)
    if isinstance(domain, NumberDomain) and holds == "num_stats":
        return _outside_numbers(statistics.num_stats, domain)
    return None


def most_frequent(counts: Iterable[tuple[str, int]]) -> tuple[str, ...]:
    """Returns the MAX_EXAMPLES most frequent values as "'ZZ' (300)"; ties by name."""
    ordered = sorted(counts, key=lambda pair: (-pair[1], pair[0]))
    return tuple(f"{value} ({count:,})" for value, count in ordered[:MAX_EXAMPLES])


def _outside_texts(
    statistics: statistics_pb2.StringStatistics, domain: TextDomain
) -> OutsideValues | None:
    allowed = frozenset(domain.values)
    listed = [
        (bucket.label, round(bucket.sample_count))
        for bucket in statistics.rank_histogram.buckets
    ]
    outside = [
        (NOT_UTF8 if label == _TFDV_NOT_UTF8 else repr(label), count)
        for label, count in listed
        if label not in allowed
    ]
    count = sum(number for _, number in outside)
    total = statistics.common_stats.tot_num_values
    unlisted = total - sum(number for _, number in listed)
    bound = EXACTLY
    if unlisted > 0 or len(listed) < statistics.unique:
        bound = AT_LEAST
        if allowed <= {label for label, _ in listed}:
            # Every allowed value is listed, so what is not listed is not allowed.
            count += max(0, unlisted)
    if not count and bound == EXACTLY:
        return None
    return OutsideValues(
        count=count, total=total, examples=most_frequent(outside), bound=bound
    )


def _outside_numbers(
    statistics: statistics_pb2.NumericStatistics, domain: NumberDomain
) -> OutsideValues | None:
    total = statistics.common_stats.tot_num_values
    num_nan = max((round(part.num_nan) for part in statistics.histograms), default=0)
    num_nan_outside = 0 if domain.allows_nan else num_nan
    # Without a number TFDV leaves min and max at 0, which would be a false alarm.
    has_numbers = total > num_nan
    is_inside = domain.allows(statistics.min) and domain.allows(statistics.max)
    observed = (
        f"{number_text(statistics.min)} to {number_text(statistics.max)}"
        if has_numbers
        else ""
    )
    if is_inside or not has_numbers:
        if not num_nan_outside:
            return None
        return OutsideValues(
            count=num_nan_outside,
            total=total,
            examples=most_frequent([("NaN", num_nan_outside)]),
            observed=observed,
        )
    at_most = _bound_from_histograms(statistics.histograms, domain, total - num_nan)
    return OutsideValues(
        count=num_nan_outside + at_most, total=total, bound=AT_MOST, observed=observed
    )


def _bound_from_histograms(
    histograms: Iterable[statistics_pb2.Histogram], domain: NumberDomain, total: int
) -> int:
    """Returns about how many numbers can be outside at most: the lower of both."""
    bounds = [float(total)]
    for histogram in histograms:
        touching = [
            bucket.sample_count
            for bucket in histogram.buckets
            if not (
                domain.allows(bucket.low_value) and domain.allows(bucket.high_value)
            )
        ]
        if touching:
            bounds.append(math.fsum(touching))
    return max(1, math.ceil(min(bounds)))

"""Compares one feature of a window with its reference."""

import numpy as np

from serving.monitoring.compare_rates import compare_rates
from serving.monitoring.comparison import Comparison, share
from serving.monitoring.distribution_tests import DISTANCES, Cells
from serving.monitoring.feature_space import (
    MISSING,
    CategorySpace,
    Counts,
    NumericSpace,
)
from serving.monitoring.impact import Impact, measure_impact
from serving.monitoring.pooling import Groups, pool_neighbours, pool_rare, pooled
from serving.monitoring.report_format import (
    FeatureFinding,
    Histogram,
    Test,
    TestName,
)

NUMERIC_TESTS: tuple[TestName, ...] = ("ks", "psi")
CATEGORICAL_TESTS: tuple[TestName, ...] = (
    "jensen_shannon",
    "l_infinity",
    "chi_square",
)
MAX_BARS = 20
"""Cells of a histogram in a report."""


def compare_feature(comparison: Comparison, *, is_tested: bool) -> FeatureFinding:
    """Returns what is found of a feature; its tests are not yet corrected.

    Args:
        comparison: Both sides.
        is_tested: Whether there are rows enough; if not only rates are returned.
    """
    reference, space = comparison.reference, comparison.reference.space
    tests: tuple[Test, ...] = ()
    impact = Impact(None, None)
    if is_tested and reference.num_rows:
        groups = _groups(comparison)
        tests = (*compare_rates(comparison), *_distances(comparison, groups))
        impact = measure_impact(
            comparison.counts,
            reference.counts,
            comparison.sensitivity,
            groups,
            max(comparison.effects.values, comparison.effects.missing),
        )
    rows, values = comparison.num_rows, comparison.num_values
    is_text = isinstance(space, CategorySpace)
    has_unknown = is_text and reference.unknown_rows is not None
    return FeatureFinding(
        feature=comparison.feature,
        kind=space.kind,
        num_rows=round(rows),
        missing_rate=share(comparison.counts[MISSING], rows),
        reference_missing_rate=share(reference.counts[MISSING], reference.num_rows)
        if reference.num_rows
        else None,
        unknown_rate=share(comparison.counts[-1], values) if has_unknown else None,
        reference_unknown_rate=share(
            reference.unknown_rows or 0.0, reference.num_values
        )
        if has_unknown
        else None,
        out_of_range_rate=None
        if is_text
        else share(comparison.counts[-2:].sum(), values),
        tests=tests,
        impact=impact.size,
        mean_shift=impact.mean_shift,
        design_effect=comparison.effects.values
        if comparison.effects.is_known
        else None,
        histogram=histogram(comparison) if reference.num_values else None,
    )


def _groups(comparison: Comparison) -> Groups:
    now, then = comparison.values
    effect = comparison.effects.values
    if isinstance(comparison.reference.space, NumericSpace):
        return pool_neighbours(now, then, effect)
    return pool_rare(now, then, comparison.reference.least_listed, effect)


def _distances(comparison: Comparison, groups: Groups) -> list[Test]:
    now, then = comparison.values
    if not now.sum() or not then.sum():
        return []
    effect = comparison.effects.values
    points = Cells(now=now, then=then, design_effect=effect)
    cells = Cells(
        now=pooled(now, groups), then=pooled(then, groups), design_effect=effect
    )
    is_number = isinstance(comparison.reference.space, NumericSpace)
    tests = []
    for name in NUMERIC_TESTS if is_number else CATEGORICAL_TESTS:
        # Kolmogorov's bound needs no rows in a bin; every other one does.
        found = DISTANCES[name](points if name == "ks" else cells)
        tests.append(
            Test(
                name=name,
                about=comparison.about,
                statistic=found.statistic,
                p_value=found.p_value,
                threshold=comparison.settings.effect(comparison.feature, name),
                formula=found.formula,
                num_rows=round(now.sum()),
                reference_rows=round(then.sum()),
            )
        )
    return tests


def histogram(comparison: Comparison) -> Histogram:
    """Returns the shares of values then and now, the most frequent ones by name."""
    now, then = comparison.values
    space = comparison.reference.space
    if isinstance(space, NumericSpace):
        labels: tuple[str, ...] = space.labels
    else:
        shares = _shares(now) + _shares(then)
        order = np.argsort(-shares[:-1], kind="stable")[: MAX_BARS - 1]
        labels = (*(space.values[place] for place in order), "other values")
        now, then = (
            np.append(counts[order], counts.sum() - counts[order].sum())
            for counts in (now, then)
        )
    return Histogram(
        labels=labels,
        reference_shares=_rounded(_shares(then)),
        shares=_rounded(_shares(now)),
    )


def _rounded(shares: Counts) -> tuple[float, ...]:
    """Six digits are more than a plot shows, and a third of the bytes."""
    return tuple(round(float(share), 6) for share in shares)


def _shares(counts: Counts) -> Counts:
    total = counts.sum()
    shares: Counts = counts / total if total else np.zeros(len(counts))
    return shares

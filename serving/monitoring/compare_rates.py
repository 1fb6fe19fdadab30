"""Tests of a feature's rates: missing, unknown, out of range."""

import math

from serving.monitoring.comparison import Comparison, share
from serving.monitoring.feature_space import MISSING, NumericSpace
from serving.monitoring.rate_tests import (
    difference_interval,
    rate_p_value,
    tails_p_value,
)
from serving.monitoring.report_format import AlarmKind, Test

_Rate = tuple[float, float]
"""Hits and rows."""


def compare_rates(comparison: Comparison) -> list[Test]:
    """Returns the test of missing values, and of unknown or impossible ones.

    The second is left out where no row has a value, where the reference does not list
    every value, and of numbers without a range.
    """
    reference, space = comparison.reference, comparison.reference.space
    tests = [_missing_test(comparison)]
    if not comparison.num_values or not reference.num_values:
        return tests
    if isinstance(space, NumericSpace):
        if math.isfinite(space.low) or math.isfinite(space.high):
            tests.append(_range_test(comparison, space))
    elif reference.unknown_rows is not None:
        tests.append(_unknown_test(comparison, reference.unknown_rows))
    return tests


def _missing_test(comparison: Comparison) -> Test:
    reference, effect = comparison.reference, comparison.effects.missing
    now = comparison.counts[MISSING], comparison.num_rows
    then = reference.counts[MISSING], reference.num_rows
    p_value = rate_p_value(
        *_measured(now, effect), *_measured(then, effect), "two-sided"
    )
    words = f"{_in_words(now)} - {_in_words(then)}, Fisher's exact test, two-sided"
    return _test(comparison, "missing", (now, then), p_value, words, effect)


def _unknown_test(comparison: Comparison, unknown_rows: float) -> Test:
    reference = comparison.reference
    effect = comparison.effects.strange * reference.unknown_dispersion
    now = comparison.counts[-1], comparison.num_values
    then = unknown_rows, reference.num_values
    p_value = rate_p_value(*_measured(now, effect), *_measured(then, effect), "greater")
    words = (
        f"{_in_words(now)} - {_in_words(then)} with a value of their own, Fisher's "
        "exact test, greater"
    )
    return _test(comparison, "unknown", (now, then), p_value, words, effect)


def _range_test(comparison: Comparison, space: NumericSpace) -> Test:
    reference, effect = comparison.reference, comparison.effects.strange
    below, above = comparison.counts[-2:]
    before = reference.counts[-2:]
    now = below + above, comparison.num_values
    then = before.sum(), reference.num_values
    p_value = tails_p_value(
        round(below / effect),
        round(above / effect),
        round(now[1] / effect),
        (
            round(before[0] / effect),
            round(before[1] / effect),
            round(then[1] / effect),
        ),
    )
    words = (
        f"{below:.0f} below {space.low:g} and {above:.0f} above {space.high:g} of "
        f"{now[1]:.0f}, Fisher's exact test of either end, doubled"
    )
    return _test(comparison, "range", (now, then), p_value, words, effect)


def _test(
    comparison: Comparison,
    about: AlarmKind,
    rates: tuple[_Rate, _Rate],
    p_value: float,
    words: str,
    effect: float,
) -> Test:
    (hits, rows), (before, reference_rows) = rates
    name = "out_of_range" if about == "range" else about
    return Test(
        name="binomial",
        about=about,
        statistic=share(hits, rows) - share(before, reference_rows),
        p_value=p_value,
        interval=difference_interval(
            hits / effect,
            rows / effect,
            (before / effect, reference_rows / effect),
            1 - comparison.settings.level,
        ),
        threshold=comparison.settings.effect(comparison.feature, name),
        formula=words + (f", rows by {effect:.3g}" if effect > 1 else ""),
        num_rows=round(rows),
        reference_rows=round(reference_rows),
    )


def _measured(rate: _Rate, effect: float) -> tuple[int, int]:
    """Hits and rows as measurements."""
    return round(rate[0] / effect), round(rate[1] / effect)


def _in_words(rate: _Rate) -> str:
    return f"{rate[0]:.0f}/{rate[1]:.0f}"

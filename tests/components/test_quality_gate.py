"""Thresholds become verdicts in words."""

import math

import pytest

from components.quality_gate.intervals import (
    auc_standard_error,
    hanley_mcneil_interval,
    logit_interval,
    metric_interval,
    ratio_interval,
    wilson_interval,
)
from components.quality_gate.verdict import SliceMetrics, judge


def part(column="", value="", **metrics):
    return SliceMetrics(column=column, value=value, metrics=metrics)


def bound(metric, **limits):
    return {"metric": metric, "slice": None, "min_examples": 1, **limits}


def test_model_that_meets_every_bound_is_blessed():
    verdict = judge([part(auc=0.7, example_count=100)], None, [bound("auc", min=0.6)])

    assert verdict.is_blessed
    assert verdict.sentence == (
        "all 1 bounds are met; auc on all rows is 0.7000, at least 0.6000"
    )


def test_failure_names_metric_slice_value_and_limit():
    slices = [
        part(auc=0.7, example_count=100),
        part("origin", "JFK", auc=0.55, example_count=60),
        part("origin", "EWR", auc=0.75, example_count=40),
    ]
    verdict = judge(slices, None, [bound("auc", min=0.6, slice="origin")])

    assert not verdict.is_blessed
    assert verdict.sentence == (
        "1 of 2 bounds failed: auc on origin=JFK is 0.5500, below 0.6000"
    )


@pytest.mark.parametrize(
    ("limits", "value", "is_blessed"),
    [
        ({"min": 0.6}, 0.6, True),
        ({"min": 0.6}, 0.5999, False),
        ({"max": 1.2}, 1.2, True),
        ({"max": 1.2}, 1.2001, False),
        ({"min": 0.6}, math.nan, False),
    ],
    ids=["at min", "below min", "at max", "above max", "not measured"],
)
def test_bounds_are_inclusive_and_nan_fails(limits, value, is_blessed):
    slices = [part(auc=value, example_count=10)]
    assert judge(slices, None, [bound("auc", **limits)]).is_blessed is is_blessed


def test_metric_that_is_absent_fails():
    verdict = judge([part(example_count=10)], None, [bound("auc", min=0.1)])
    assert "auc on all rows could not be measured (10 rows)" in verdict.sentence


def test_small_slices_are_not_judged_and_that_is_said():
    slices = [
        part("carrier", "UA", auc=0.7, example_count=5000),
        part("carrier", "OO", auc=0.1, example_count=3),
    ]
    threshold = bound("auc", min=0.6, slice="carrier", min_examples=1000)
    verdict = judge(slices, None, [threshold])

    assert verdict.is_blessed
    assert verdict.notes == (
        "auc by carrier: 1 of 2 values have fewer than 1,000 rows and were not judged",
    )


def test_gate_that_judged_nothing_stays_shut():
    slices = [part("carrier", "OO", auc=0.9, example_count=3)]
    threshold = bound("auc", min=0.6, slice="carrier", min_examples=1000)
    verdict = judge(slices, None, [threshold])

    assert not verdict.is_blessed
    assert "auc by carrier could not be judged: no slice has the 1,000 rows" in (
        verdict.sentence
    )


@pytest.mark.parametrize(
    ("limits", "value", "is_blessed"),
    [
        ({"max_decrease": 0.01}, 0.69, True),
        ({"max_decrease": 0.01}, 0.689, False),
        ({"max_increase": 0.05}, 0.75, True),
        ({"max_increase": 0.05}, 0.751, False),
    ],
    ids=["decrease within", "decrease beyond", "increase within", "increase beyond"],
)
def test_change_is_held_against_the_baseline(limits, value, is_blessed):
    # 0.25 steps would be exact; 1e-9 takes up the rounding of 0.70 - 0.01.
    model = [part(auc=value + 1e-9 * (1 if "max_decrease" in limits else -1))]
    verdict = judge(
        [
            SliceMetrics(
                column="", value="", metrics={**model[0].metrics, "example_count": 9}
            )
        ],
        [part(auc=0.70, example_count=9)],
        [bound("auc", **limits)],
    )
    assert verdict.is_blessed is is_blessed
    assert "(the baseline has 0.7000)" in verdict.checks[0].sentence


def test_change_without_a_baseline_is_noted_not_applied():
    slices = [part(auc=0.7, example_count=9)]
    verdict = judge(slices, None, [bound("auc", min=0.5, max_decrease=0.0)])

    assert verdict.is_blessed
    assert verdict.notes == (
        (
            "auc: no earlier blessed model to compare with, so the bound on its change "
            "was not applied"
        ),
    )


def test_only_a_change_bound_and_no_baseline_is_blessed_with_a_note():
    slices = [part(auc=0.7, example_count=9)]
    verdict = judge(slices, None, [bound("auc", max_decrease=0.0)])
    assert verdict.is_blessed
    assert verdict.notes


def test_auc_error_agrees_with_the_paper():
    # Hanley and McNeil 1982, their rating example: area 0.893, 51 abnormal and 58
    # normal cases. By hand: Q1 = 0.80668, Q2 = 0.84252, variance 3.1254 / 2958.
    assert auc_standard_error(0.893, 51, 58) == pytest.approx(0.0325, abs=1e-4)


def test_wilson_interval_agrees_with_hand_computation():
    # 8 of 10 with z = 1.96: centre (0.8 + 0.19208) / 1.38416 = 0.71674,
    # half 1.96 * sqrt(0.016 + 0.009604) / 1.38416 = 0.22658.
    interval = wilson_interval(0.8, 10, 1.96)
    assert interval.low == pytest.approx(0.49016, abs=1e-4)
    assert interval.high == pytest.approx(0.94332, abs=1e-4)


def test_ratio_interval_agrees_with_hand_computation():
    # 100 positives in 400 rows: exp(1.96 * sqrt(0.75 / 100)) = 1.18500.
    interval = ratio_interval(1.1, 100, 0.25, 1.96)
    assert interval.low == pytest.approx(1.1 / 1.18500, abs=1e-4)
    assert interval.high == pytest.approx(1.1 * 1.18500, abs=1e-4)


def test_logit_interval_agrees_with_hand_computation():
    # 0.5 with 100 positives: log-odds 0 +- 1.96 / 5.
    interval = logit_interval(0.5, 100, 1.96)
    assert interval.low == pytest.approx(1 / (1 + math.exp(0.392)))
    assert interval.high == pytest.approx(1 / (1 + math.exp(-0.392)))


def test_interval_of_a_perfect_area_stays_in_range():
    interval = hanley_mcneil_interval(1.0, 5, 5, 1.96)
    assert (interval.low, interval.high) == (1.0, 1.0)
    assert logit_interval(1.0, 5, 1.96) is None


@pytest.mark.parametrize(
    ("metric", "value", "rows", "share"),
    [
        ("auc", math.nan, 10, 0.5),
        ("auc", 0.7, 10, 0.0),
        ("auc", 0.7, 0, 0.5),
        ("mean_prediction", 0.5, 10, 0.5),
        ("calibration", 0.0, 10, 0.5),
    ],
    ids=["not a number", "one class", "no rows", "no method", "zero ratio"],
)
def test_no_interval_where_none_is_sound(metric, value, rows, share):
    assert (
        metric_interval(
            metric, value, rows=rows, positive_fraction=share, confidence=0.95
        )
        is None
    )

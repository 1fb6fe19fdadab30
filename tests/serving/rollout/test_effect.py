"""The effect's estimate and interval, by hand and against each other."""

import math

import numpy as np
import pytest

from serving.rollout.effect import (
    MIN_UNITS,
    EffectSums,
    add_units,
    boundary,
    interval_of,
    mixture_of,
)


def test_the_sums_of_four_units_are_those_of_hand_computation():
    # Means before: -, 1, 2, 3. X = (A - p)(Y - m): 0, .5*2, -.5*3, .75*(-2).
    sums = add_units(
        EffectSums(),
        np.array([True, True, False, True]),
        np.array([1.0, 3.0, 5.0, 1.0]),
        np.array([0.5, 0.5, 0.5, 0.25]),
    )
    assert sums.sum_x == pytest.approx(1.0 - 1.5 - 1.5)
    assert sums.sum_w == pytest.approx(0.25 + 0.25 + 0.1875)
    assert sums.sum_xx == pytest.approx(1.0 + 2.25 + 2.25)
    assert sums.estimate == pytest.approx(-2.0 / 0.6875)
    assert (sums.num_stable, sums.num_candidate) == (1, 3)
    assert (sums.sum_stable, sums.sum_candidate) == (5.0, 5.0)


def test_units_one_by_one_and_in_batches_give_the_same():
    rng = np.random.default_rng(3)
    arms, values = rng.random(60) < 0.3, rng.normal(size=60)
    shares = np.where(np.arange(60) < 20, 0.1, 0.4)
    whole = add_units(EffectSums(), arms, values, shares)
    single = EffectSums()
    for row in range(60):
        one = slice(row, row + 1)
        single = add_units(single, arms[one], values[one], shares[one])
    assert add_units(whole, arms[:0], values[:0], shares[:0]) == whole
    for field in ("sum_x", "sum_w", "sum_xx", "sum_xw", "sum_ww", "sum_candidate"):
        assert getattr(single, field) == pytest.approx(getattr(whole, field), abs=1e-9)


def test_a_metric_that_drifts_while_the_share_grows_favours_no_arm():
    # 10 % late at a share of 1 %, then 40 % at 50 %: thrown together, the candidate's
    # rows are nearly all of the bad time.
    rng = np.random.default_rng(7)
    rows = 40_000
    is_late_step = np.arange(rows) >= rows // 2
    shares = np.where(is_late_step, 0.5, 0.01)
    arms = rng.random(rows) < shares
    values = (rng.random(rows) < np.where(is_late_step, 0.4, 0.1)).astype(float)
    sums = add_units(EffectSums(), arms, values, shares)
    raw = sums.sum_candidate / sums.num_candidate - sums.sum_stable / sums.num_stable
    deviation = math.sqrt(sums.variance) / sums.sum_w
    assert raw > 0.1
    assert abs(sums.estimate) < 3 * deviation < 0.025


def test_the_estimate_is_the_effect_where_there_is_one():
    rng = np.random.default_rng(8)
    shares = np.repeat([0.05, 0.5], 20_000)
    arms = rng.random(40_000) < shares
    values = rng.normal(size=40_000) + 0.1 * arms
    sums = add_units(EffectSums(), arms, values, shares)
    deviation = math.sqrt(sums.variance) / sums.sum_w
    assert sums.estimate == pytest.approx(0.1, abs=3 * deviation)
    assert deviation == pytest.approx(1 / math.sqrt(sums.sum_w), rel=0.02)


def test_the_mixture_solves_its_equation_and_is_tightest_where_planned():
    mixture = mixture_of(50.0, 0.05)
    x = 50.0 / mixture + 1
    assert x - math.log(x) == pytest.approx(1 - 2 * math.log(0.05))
    chosen = boundary(50.0, mixture, 0.05)
    assert chosen < boundary(50.0, mixture * 1.2, 0.05)
    assert chosen < boundary(50.0, mixture / 1.2, 0.05)


def test_the_boundary_is_where_the_mixture_ratio_is_one_over_the_level():
    variance, mixture, level = 12.0, 3.0, 0.05
    total = boundary(variance, mixture, level)
    ratio = math.sqrt(mixture / (variance + mixture)) * math.exp(
        total**2 / (2 * (variance + mixture))
    )
    assert ratio == pytest.approx(1 / level)


def test_an_interval_that_touches_zero_has_the_p_value_of_its_level():
    sums = EffectSums(
        num_stable=500, num_candidate=500, sum_w=250.0, sum_xx=100.0, sum_ww=62.5
    )
    mixture = mixture_of(100.0, 0.05)
    shifted = EffectSums(
        num_stable=500,
        num_candidate=500,
        sum_w=250.0,
        sum_ww=0.0,
        sum_x=boundary(100.0, mixture, 0.05),
        sum_xx=100.0,
    )
    assert interval_of(sums, level=0.05, planned_variance=100.0).p_value == 1.0
    touching = interval_of(shifted, level=0.05, planned_variance=100.0)
    assert touching.low == pytest.approx(0.0, abs=1e-12)
    assert touching.p_value == pytest.approx(0.05)


def test_nothing_is_said_before_each_arm_has_enough_units():
    rng = np.random.default_rng(1)
    arms = np.zeros(1000, dtype=bool)
    arms[: MIN_UNITS - 1] = True
    values = rng.normal(size=1000) + 100.0 * arms
    sums = add_units(EffectSums(), arms, values, np.full(1000, 0.1))
    found = interval_of(sums, level=0.05, planned_variance=10.0)
    assert (found.low, found.high, found.p_value) == (-math.inf, math.inf, 1.0)


def test_values_that_are_all_alike_are_no_evidence():
    arms = np.arange(1000) % 2 == 0
    sums = add_units(EffectSums(), arms, np.ones(1000), np.full(1000, 0.5))
    found = interval_of(sums, level=0.05, planned_variance=10.0)
    assert (found.low, found.high) == (-math.inf, math.inf)

"""Wrong and right decisions over many rollouts; the whole is benchmarks/rollout_errors.

The numbers are seeded. The bounds are such that a test of the promised error rate fails
by chance once in ten thousand seeds.
"""

import math

import numpy as np
import pytest
from scipy.stats import binom

from benchmarks.rollout_draws import drifting, error_of, log_loss_of, revenue_of
from benchmarks.rollout_errors import (
    LEVEL,
    POWER,
    bounds_after_each_row,
    rails_broken,
    ramp,
    share_decided,
    share_decided_naively,
    share_found,
)
from serving.rollout.effect import EffectSums, add_units, interval_of

RUNS, ROWS = 200, 2000


def test_the_simulation_has_the_bounds_of_the_code_that_decides():
    rng = np.random.default_rng(4)
    shares = ramp(900)
    values = rng.exponential(size=(2, 900))
    arms = rng.random((2, 900)) < shares
    bounds = bounds_after_each_row(values, arms, shares, 60.0)
    for row in (250, 600, 899):
        upto = slice(row + 1)
        sums = add_units(EffectSums(), arms[1, upto], values[1, upto], shares[upto])
        found = interval_of(sums, level=LEVEL, planned_variance=60.0)
        assert bounds.low[1, row] == pytest.approx(found.low)
        assert bounds.high[1, row] == pytest.approx(found.high)
        assert bounds.spread[1, row] == pytest.approx(sums.variance / sums.sum_w)
    assert math.isfinite(found.low)


@pytest.mark.parametrize(
    ("draw", "shares"),
    [
        (log_loss_of(0.13), np.full(ROWS, 0.5)),
        (drifting(log_loss_of(0.13), log_loss_of(0.33)), ramp(ROWS)),
        (error_of(0.2), ramp(ROWS)),
        (revenue_of(1.0, clip=300.0), np.full(ROWS, 0.5)),
    ],
    ids=["log loss", "log loss that drifts, ramp", "error, ramp", "revenue"],
)
def test_equal_arms_are_rarely_called_different_though_every_row_is_looked_at(
    draw, shares
):
    decided = share_decided(draw, shares, RUNS, 11)
    assert decided * RUNS <= binom.ppf(1 - 1e-4, RUNS, LEVEL)


def test_a_test_that_is_not_made_for_looking_is_wrong_far_more_often():
    decided = share_decided_naively(error_of(0.2), ROWS, RUNS, 11)
    assert decided * RUNS > binom.ppf(1 - 1e-4, RUNS, LEVEL)


def test_an_effect_is_found_at_the_printed_sample_size():
    found = share_found(error_of(0.35), error_of(0.25), RUNS, 12)
    assert found.effect == pytest.approx(0.1, abs=0.001)
    assert found.share * RUNS >= binom.ppf(1e-4, RUNS, POWER)
    assert found.mean_units < 0.7 * found.units


@pytest.mark.parametrize("bursts", [0.0, 0.05], ids=["steady", "outages of both"])
def test_guard_rails_of_equal_arms_are_rarely_broken(bursts):
    run = rails_broken(0.01, 0.01, 30, 13, bursts=bursts)
    assert run.rolled_back * 30 <= binom.ppf(1 - 1e-4, 30, 0.01)


def test_a_bad_candidate_breaks_a_guard_rail_after_few_of_its_requests():
    run = rails_broken(0.005, 0.1, 20, 14)
    assert run.rolled_back == 1.0
    assert run.mean_candidate_requests < 100

"""Sample sizes by hand, and their simulated power."""

import math

import pytest

from serving.rollout.plan import Step
from serving.rollout.sample_size import Spread, need_of, sample_size


def test_the_fixed_size_is_the_textbook_one():
    size = sample_size(
        Spread(std=1.0), goal="superiority", effect=0.1, level=0.05, power=0.8
    )
    # 2 (1.95996 + 0.84162)^2 / 0.1^2 = 1569.8 units an arm, a quarter of both is I.
    assert 2 * size.fixed_information == pytest.approx(1569.8, abs=0.1)


def test_the_sequential_size_is_that_of_its_boundary():
    size = sample_size(
        Spread(std=1.0), goal="superiority", effect=0.1, level=0.05, power=0.8
    )
    # x - log x = 1 + 2 log 20 has the solution x = 9.2057; V/r = x - 1.
    x = 9.2057
    half_width = math.sqrt((1 + 1 / (x - 1)) * (math.log(x) + 2 * math.log(20)))
    assert size.information == pytest.approx(
        (half_width + 0.84162) ** 2 / 0.01, rel=1e-4
    )
    assert size.fixed_information < size.information < 2 * size.fixed_information


@pytest.mark.parametrize("goal", ["superiority", "non_inferiority"])
@pytest.mark.parametrize("power", [0.8, 0.9])
def test_the_power_asked_for_is_exceeded_and_most_rollouts_end_early(goal, power):
    size = sample_size(Spread(std=2.0), goal=goal, effect=0.1, level=0.05, power=power)
    assert size.power > power
    assert size.mean_information < 0.65 * size.information


def test_an_allowance_makes_the_size_greater_and_not_what_is_likely():
    plain, wide = (
        sample_size(
            Spread(std=1.0, allowance=allowance),
            goal="superiority",
            effect=0.1,
            level=0.05,
            power=0.8,
        )
        for allowance in (1.0, 1.5)
    )
    assert wide.information == pytest.approx(2.25 * plain.information)
    assert wide.std == 1.5
    assert wide.mean_information == plain.mean_information


def test_a_ramp_collects_information_step_by_step():
    # 10 %: 100 of the candidate's requests are 1,000 units, 90 of information;
    # 50 %: the 160 that are missing are 640 units.
    steps = (Step(share=0.1, min_requests=100), Step(share=0.5))
    need = need_of(250.0, steps, units_per_s=2.0, label_delay_s=80.0)
    assert (need.num_units, need.num_candidate) == (1640, 420)
    assert need.duration_s == pytest.approx(1640 / 2 + 80)


def test_a_step_lasts_its_time_and_no_longer_than_there_is_to_collect():
    steps = (Step(share=0.5, min_duration_s=60.0), Step(share=0.5))
    assert need_of(1e3, steps, units_per_s=10.0, label_delay_s=0).num_units == 4000
    assert need_of(50.0, steps, units_per_s=10.0, label_delay_s=0).num_units == 200

"""Tests of counts: by hand, and summed over every outcome there can be."""

import itertools
import math

import pytest

from serving.rollout.odds_test import (
    GRID,
    NO_EVIDENCE,
    NO_TWO_SIDED_EVIDENCE,
    TWO_SIDED_GRID,
    add_events,
    is_shown,
    log_evidence,
)
from serving.rollout.rate_interval import rate_interval


def test_one_event_weighs_as_computed_by_hand():
    # Odds of 1/3 doubled are 2/3, so the alternative is 2/5: ratio 8/5 here, 4/5 there.
    place = GRID.index(2.0)
    here = add_events(NO_EVIDENCE, 0.25, 1, 0)[place]
    there = add_events(NO_EVIDENCE, 0.25, 0, 1)[place]
    assert math.exp(here) == pytest.approx(0.4 / 0.25)
    assert math.exp(there) == pytest.approx(0.6 / 0.75)


@pytest.mark.parametrize(
    ("grid", "start"),
    [(GRID, NO_EVIDENCE), (TWO_SIDED_GRID, NO_TWO_SIDED_EVIDENCE)],
    ids=["one-sided", "two-sided"],
)
def test_the_mean_evidence_over_all_outcomes_is_one(grid, start):
    probability, total = 0.3, 0.0
    for outcome in itertools.product((True, False), repeat=8):
        logs, chance = start, 1.0
        for is_here in outcome:
            logs = add_events(logs, probability, int(is_here), int(not is_here), grid)
            chance *= probability if is_here else 1 - probability
        total += chance * math.exp(log_evidence(logs))
    assert total == pytest.approx(1.0)


def test_rarer_events_than_the_null_allows_are_never_evidence_on_average():
    total = 0.0
    for outcome in itertools.product((True, False), repeat=8):
        here = sum(outcome)
        chance = 0.1**here * 0.9 ** (8 - here)
        total += chance * math.exp(
            log_evidence(add_events(NO_EVIDENCE, 0.3, here, 8 - here))
        )
    assert total < 1.0


def test_ten_failures_of_ten_requests_are_shown_and_one_of_ten_is_not():
    assert is_shown(add_events(NO_EVIDENCE, 0.05, 10, 0), 0.001)
    assert not is_shown(add_events(NO_EVIDENCE, 0.05, 1, 9), 0.05)


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_an_event_that_could_only_be_one_way_teaches_nothing(probability):
    assert add_events(NO_EVIDENCE, probability, 5, 5) == NO_EVIDENCE


@pytest.mark.parametrize(("events", "trials"), [(0, 40), (3, 40), (39, 40), (40, 40)])
def test_the_interval_ends_where_the_mixture_ratio_is_one_over_the_level(
    events, trials
):
    low, high = rate_interval(events, trials, 0.05)
    assert low <= events / trials <= high
    for bound in (low, high):
        if 0 < bound < 1:
            assert _ratio(bound, events, trials) == pytest.approx(20.0, rel=1e-6)
    assert (low == 0.0) == (events == 0)
    assert (high == 1.0) == (events == trials)


def test_no_trials_leave_everything_open():
    assert rate_interval(0, 0, 0.05) == (0.0, 1.0)


def _ratio(share, events, trials):
    others = trials - events
    log_beta = (
        math.lgamma(events + 0.5) + math.lgamma(others + 0.5) - math.lgamma(trials + 1)
    )
    log_prior = 2 * math.lgamma(0.5)
    likelihood = events * math.log(share) + others * math.log1p(-share)
    return math.exp(log_beta - log_prior - likelihood)

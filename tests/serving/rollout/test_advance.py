"""The rules, one by one, on evidence made by hand."""

import dataclasses
import json
from datetime import timedelta

import pytest

from serving.rollout.advance import advance
from serving.rollout.effect import EffectSums
from serving.rollout.evidence import Evidence, LabelEvidence, RailEvidence, Tally
from serving.rollout.odds_test import NO_TWO_SIDED_EVIDENCE, TWO_SIDED_GRID, add_events
from serving.rollout.plan import GuardRail, Step
from tests.serving.rollout.paper_rollout import (
    NOON,
    paper_metric,
    paper_plan,
    paper_state,
)

AFTER = NOON + timedelta(hours=1)


def sums(effect, *, weight=200.0, spread=0.25):
    """Sums with an effect of the candidate, as of weight * 4 units at equal shares."""
    units = round(weight * 4)
    return EffectSums(
        num_stable=units // 2,
        num_candidate=units // 2,
        sum_x=effect * weight,
        sum_w=weight,
        sum_xx=spread * weight + effect**2 * weight / 4,
        sum_xw=effect * weight / 4,
        sum_ww=weight / 4,
    )


def evidence(effect=None, *, tally=(0, 1000), requests=1000, labels=None):
    rail = RailEvidence(
        name="errors", candidate=Tally(num_events=tally[0], num_trials=tally[1])
    )
    if labels is None:
        labels = LabelEvidence(effect=effect or EffectSums())
    return Evidence(
        rollout_id="r1",
        num_requests=(1000, requests),
        at_step=(0,),
        rails=(rail,),
        labels=labels,
    )


def metric_state(**changes):
    rails = (GuardRail(name="errors", max_rate=0.01, level=0.01),)
    metric = paper_metric(**changes)
    return paper_state(paper_plan(metric=metric, log_dir="/l", guard_rails=rails))


def decided(state, found, now=AFTER):
    after, event = advance(state, found, now)
    if event is None:
        assert after is state
        return None
    assert after.serial == state.serial + 1
    json.dumps(event.numbers, allow_nan=False)
    return after.decision and (after.decision.verdict, after.decision.cause)


@pytest.mark.parametrize(
    ("goal", "effect", "verdict"),
    [
        ("superiority", -0.3, "promote"),
        ("superiority", 0.3, "rollback"),
        ("superiority", -0.09, None),
        ("non_inferiority", -0.3, "promote"),
        ("non_inferiority", 0.3, "rollback"),
        ("non_inferiority", 0.05, None),
        ("non_inferiority", -0.05, "promote"),
    ],
)
def test_the_metric_decides_where_its_interval_leaves_the_goal_no_choice(
    goal, effect, verdict
):
    # Smaller is better; half-width 3.04 * sqrt(0.25 * 200) / 200 = 0.11 or a bit more.
    found = decided(metric_state(goal=goal), evidence(sums(effect)))
    assert found == (verdict and (verdict, "metric"))


def test_a_metric_of_which_more_is_better_is_read_the_other_way_round():
    state = metric_state(is_larger_better=True)
    assert decided(state, evidence(sums(0.3))) == ("promote", "metric")
    assert decided(state, evidence(sums(-0.3))) == ("rollback", "metric")


def test_an_improvement_that_is_too_small_ends_the_rollout():
    found = evidence(sums(0.0, weight=900.0))
    state = metric_state(information=4000.0)
    after, event = advance(state, found, AFTER)
    assert after.decision.verdict == "rollback"
    assert "an improvement of 0.1 is refuted" in event.reason


def test_the_planned_sample_ends_the_rollout():
    found = evidence(sums(-0.05, weight=401.0))
    after, event = advance(metric_state(), found, AFTER)
    assert (after.decision.verdict, after.decision.cause) == ("rollback", "metric")
    assert "the planned sample is used up and nothing was shown" in event.reason
    assert decided(metric_state(information=500.0), found) is None


def test_a_spread_greater_than_planned_needs_a_greater_sample():
    found = evidence(sums(-0.05, weight=401.0, spread=0.5))
    assert decided(metric_state(), found) is None


def test_a_gain_promotes_at_the_last_step_only_and_a_loss_ends_at_once():
    steps = (Step(share=0.1, min_requests=5000), Step(share=0.5))
    plan = paper_plan(metric=paper_metric(), log_dir="/l", steps=steps)
    assert decided(paper_state(plan), evidence(sums(-0.3))) is None
    assert decided(paper_state(plan), evidence(sums(0.3))) == ("rollback", "metric")


def test_a_broken_guard_rail_goes_before_a_metric_that_is_better():
    found = evidence(sums(-0.3), tally=(100, 1000))
    assert decided(metric_state(), found) == ("rollback", "errors")


@pytest.mark.parametrize(
    ("logs", "cause"), [("unit_logs", "assignment"), ("labelled_logs", "labels")]
)
def test_a_comparison_that_cannot_be_trusted_ends_the_rollout(logs, cause):
    wrong = add_events(NO_TWO_SIDED_EVIDENCE, 0.5, 700, 300, TWO_SIDED_GRID)
    labels = LabelEvidence(effect=sums(-0.3), **{logs: wrong})
    assert decided(metric_state(), evidence(labels=labels)) == ("rollback", cause)


def test_a_step_ends_after_its_requests_and_its_time():
    step = Step(share=0.1, min_requests=500, min_duration_s=600.0)
    state = paper_state(paper_plan(steps=(step, Step(share=0.5))))
    few, enough = evidence(requests=499), evidence(requests=500)
    assert advance(state, few, AFTER)[1] is None
    assert advance(state, enough, NOON + timedelta(seconds=599))[1] is None
    after, event = advance(state, enough, AFTER)
    assert (after.step, after.candidate.share, event.name) == (1, 0.5, "step")
    assert after.step_starts[-1] == AFTER.isoformat()


def test_the_end_of_the_ramp_promotes_where_there_is_no_metric():
    state = paper_state(paper_plan(steps=(Step(share=0.5, min_requests=500),)))
    assert decided(state, evidence(requests=499)) is None
    assert decided(state, evidence(requests=500)) == ("promote", "ramp")


def test_an_undecided_rollout_ends_when_its_time_is_up():
    plan = paper_plan(
        metric=paper_metric(), log_dir="/l", max_duration_s=3600.0, guard_rails=()
    )
    state = paper_state(plan)
    assert decided(state, evidence(), AFTER - timedelta(seconds=1)) is None
    assert decided(state, evidence(), AFTER) == ("rollback", "time")


@pytest.mark.parametrize(
    ("tally", "verdict"),
    [
        ((0, 99), None),
        ((0, 999), "passed"),
        ((9, 1000), None),
        ((50, 1000), "rollback"),
    ],
)
def test_a_shadow_passes_if_few_enough_answers_differ(tally, verdict):
    rail = GuardRail(name="different", max_rate=0.01, level=0.01)
    plan = paper_plan(steps=(Step(share=0.0),), guard_rails=(rail,), min_compared=100)
    state = paper_state(plan, kind="shadow")
    found = dataclasses.replace(
        evidence(),
        rails=(
            RailEvidence(
                name="different",
                candidate=Tally(num_events=tally[0], num_trials=tally[1]),
            ),
        ),
    )
    assert decided(state, found) == (verdict and (verdict, "shadow"))


def test_a_promotion_gives_all_requests_to_the_candidate_where_folders_do_not_move():
    state = paper_state(paper_plan(guard_rails=()))
    after, _ = advance(state, evidence(), AFTER)
    assert (after.stable.share, after.candidate.share) == (0.0, 1.0)
    assert after.is_over


def test_a_promotion_within_a_folder_waits_with_the_stable_arm():
    plan = paper_plan(guard_rails=(), model_dir="/models/rides")
    after, _ = advance(paper_state(plan, version=2), evidence(), AFTER)
    assert (after.stable.share, after.candidate.share) == (1.0, 0.0)
    assert after.decision.outcome == "pending"
    assert not after.is_over


def test_a_rollback_gives_all_requests_to_the_stable_arm():
    after, _ = advance(metric_state(), evidence(sums(0.3)), AFTER)
    assert (after.stable.share, after.candidate.share) == (1.0, 0.0)


def test_a_decision_is_final():
    after, _ = advance(metric_state(), evidence(sums(0.3)), AFTER)
    assert advance(after, evidence(sums(-0.3)), AFTER) == (after, None)

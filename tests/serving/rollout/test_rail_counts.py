"""Guard rails out of the routers' counts."""

import dataclasses

import pytest

from serving.rollout.evidence import Evidence, Tally
from serving.rollout.findings import rail_finding, rail_findings
from serving.rollout.plan import GuardRail, Step
from serving.rollout.rail_counts import add_counts, counted_limit_s, tally_of
from serving.router.latency_histogram import LatencyHistogram
from tests.serving.rollout.paper_rollout import arm_counts, paper_plan, paper_state

BOTH = GuardRail(name="errors", max_rate=0.01, max_ratio=1.5, level=0.01)


def look(state, looks):
    """Takes in counts of the stable arm and the candidate, look by look."""
    evidence = Evidence(rollout_id="r1")
    for stable, candidate in looks:
        counts = {"stable": stable, "candidate": candidate}
        evidence = add_counts(evidence, state, counts)
    return evidence


def rail_of(evidence, rail=BOTH):
    [found] = evidence.rails
    return rail_finding(rail, found)


def test_each_guard_rail_counts_its_own_events():
    latency = LatencyHistogram()
    for took_us in (50_000.0, 100_000.0, 140_000.0, 900_000.0):
        latency.add(took_us)
    counts = arm_counts(
        20,
        3,
        missing_outputs=2,
        shadow_compared=7,
        shadow_different=5,
        latency=latency,
    )
    counts.errors["client"] = 4

    def tally(name, **limit):
        return tally_of(GuardRail(name=name, max_rate=0.1, level=0.01, **limit), counts)

    assert tally("errors") == Tally(num_events=3, num_trials=20)
    assert tally("refused") == Tally(num_events=4, num_trials=20)
    assert tally("missing") == Tally(num_events=2, num_trials=20)
    assert tally("different") == Tally(num_events=5, num_trials=7)
    assert tally("slow", limit_s=0.1) == Tally(num_events=2, num_trials=4)


@pytest.mark.parametrize("limit_s", [0.001, 0.1, 0.25, 3.0])
def test_a_limit_is_counted_from_the_next_bucket(limit_s):
    assert limit_s <= counted_limit_s(limit_s) <= limit_s * 1.091


def test_a_candidate_that_fails_always_breaks_its_rail_within_ten_requests():
    evidence = look(paper_state(), [(arm_counts(190), arm_counts(10, 10))])
    assert rail_of(evidence).is_broken


def test_an_outage_of_both_arms_breaks_no_rail():
    evidence = look(paper_state(), [(arm_counts(1000, 900), arm_counts(1000, 900))])
    finding = rail_of(evidence)
    assert not finding.is_broken
    assert finding.candidate_rate == 0.9


def test_a_multiple_of_nearly_nothing_is_borne():
    # Five times as many failures, but one in a thousand; one in a hundred is borne.
    looks = [(arm_counts(100_000, 20), arm_counts(100_000, 100))]
    assert not rail_of(look(paper_state(), looks)).is_broken
    ratio_alone = GuardRail(name="errors", max_ratio=1.5, level=0.01)
    assert rail_of(look(paper_state(), looks), ratio_alone).is_broken


def test_what_was_taken_in_is_not_taken_in_again():
    once = [(arm_counts(100, 1), arm_counts(100, 5))]
    first, again = look(paper_state(), once), look(paper_state(), once * 50)
    assert first.rails == again.rails


def test_a_few_requests_wait_until_they_can_teach_something():
    looks = [
        (arm_counts(number), arm_counts(number, number)) for number in range(1, 31)
    ]
    finding = rail_of(look(paper_state(), looks))
    assert finding.is_broken
    assert finding.evidence.tested_candidate.num_trials == 30


def test_counts_that_went_down_are_begun_from_and_prove_nothing():
    looks = [
        (arm_counts(5000, 50), arm_counts(5000, 50)),
        (arm_counts(2000, 50), arm_counts(2000, 0)),
    ]
    evidence = look(paper_state(), looks)
    [rail] = evidence.rails
    before = look(paper_state(), looks[:1]).rails[0]
    assert rail.ratio_logs == before.ratio_logs
    assert rail.tested_candidate == Tally(num_events=0, num_trials=2000)


def test_a_step_counts_its_own_requests():
    steps = (Step(share=0.1), Step(share=0.5))
    first = paper_state(paper_plan(steps=steps))
    evidence = look(first, [(arm_counts(5), arm_counts(40))])
    assert evidence.num_in_step == 40
    second = dataclasses.replace(first, step=1, step_starts=first.step_starts * 2)
    more = {"stable": arm_counts(5), "candidate": arm_counts(100)}
    evidence = add_counts(evidence, second, more)
    assert (evidence.at_step, evidence.num_in_step) == ((0, 40), 60)


def test_an_arm_that_no_router_has_counted_yet_has_no_requests():
    state = paper_state(paper_plan())
    evidence = add_counts(Evidence(rollout_id="r1"), state, {})
    assert evidence.num_requests == (0, 0)
    assert not rail_findings(state, evidence)[0].is_broken

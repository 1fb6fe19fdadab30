"""Guard rails' events out of what the routers count."""

import dataclasses
from collections.abc import Mapping

from serving.rollout.evidence import Evidence, RailEvidence, Tally
from serving.rollout.odds_test import add_events
from serving.rollout.plan import GuardRail
from serving.rollout.state import CANDIDATE, STABLE, RolloutState
from serving.router.arm_counts import ArmCounts
from serving.router.latency_histogram import bucket_of, upper_bound_us

# Given how many requests each arm had, an interval of one request teaches nothing.
_MIN_TRIALS = 10
_US = 1e6


def add_counts(
    evidence: Evidence, state: RolloutState, counts: Mapping[str, ArmCounts]
) -> Evidence:
    """Returns the evidence with the routers' counts taken in.

    Args:
        evidence: As it was.
        state: Names the guard rails and the step.
        counts: Of all routers, since the rollout began; an arm without any is missing.
    """
    stable = counts.get(STABLE, ArmCounts())
    candidate = counts.get(CANDIDATE, ArmCounts())
    before = {rail.name: rail for rail in evidence.rails}
    rails = tuple(
        _add(
            before.get(rail.name, RailEvidence(name=rail.name)),
            rail,
            tally_of(rail, stable),
            tally_of(rail, candidate),
        )
        for rail in state.plan.guard_rails
    )
    missing = state.step + 1 - len(evidence.at_step)
    return dataclasses.replace(
        evidence,
        num_requests=(stable.requests, candidate.requests),
        # A step began right after the last look, which decided so.
        at_step=evidence.at_step + (evidence.num_requests[1],) * missing,
        rails=rails,
    )


def tally_of(rail: GuardRail, counts: ArmCounts) -> Tally:
    """Returns a guard rail's events among an arm's requests."""
    refused = counts.errors.get("client", 0)
    by_name = {
        "errors": (counts.num_errors - refused, counts.requests),
        "refused": (refused, counts.requests),
        "missing": (counts.missing_outputs, counts.requests),
        "different": (counts.shadow_different, counts.shadow_compared),
    }
    if rail.limit_s is not None:
        first = slow_bucket(rail.limit_s)
        slow = sum(n for bucket, n in counts.latency.counts.items() if bucket >= first)
        by_name["slow"] = (slow, counts.latency.total)
    num_events, num_trials = by_name[rail.name]
    return Tally(num_events=num_events, num_trials=num_trials)


def slow_bucket(limit_s: float) -> int:
    """Returns the first bucket of the histogram that lies beyond a limit as a whole."""
    return bucket_of(limit_s * _US) + 1


def counted_limit_s(limit_s: float) -> float:
    """Returns from where on requests count as slow: at most 9.1 % above the limit."""
    return upper_bound_us(slow_bucket(limit_s) - 1) / _US


def _add(
    before: RailEvidence, rail: GuardRail, stable: Tally, candidate: Tally
) -> RailEvidence:
    found = dataclasses.replace(before, stable=stable, candidate=candidate)
    new_stable = stable.since(before.tested_stable)
    new_candidate = candidate.since(before.tested_candidate)
    trials = new_stable.num_trials, new_candidate.num_trials
    is_lost = min(*trials, new_stable.num_events, new_candidate.num_events) < 0
    if not is_lost and min(trials) < _MIN_TRIALS:
        return found
    logs = before.ratio_logs
    # Counts that went down are a router's file that was removed: begin from there.
    if rail.max_ratio is not None and not is_lost:
        weight = trials[1] * rail.max_ratio
        logs = add_events(
            logs,
            weight / (weight + trials[0]),
            new_candidate.num_events,
            new_stable.num_events,
        )
    return dataclasses.replace(
        found, tested_stable=stable, tested_candidate=candidate, ratio_logs=logs
    )

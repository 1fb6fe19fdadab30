"""The rules of a rollout: what the evidence so far makes of its state.

A pure function, the same for a test, a replay and the service. In this order:

    1  the arms did not get their shares, or labels come for one more often: the
       comparison cannot be trusted, the stable arm stays
    2  a guard rail is broken: the stable arm stays
    3  a shadow's answers differ too often: failed; seldom enough: passed
    4  the metric shows a loss: the stable arm stays
    5  the time is up
    6  the step has lasted: the next one begins
    7  on the last step: the metric is shown to be as it should: promoted; or shown not
       to be, or all planned information is used up: the stable arm stays. Without a
       metric the end of the ramp promotes.

Losses end a rollout at any step, gains only at the last, so that no candidate takes
over a load it was never tried under.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from serving.rollout.evidence import Evidence, Tally
from serving.rollout.findings import (
    as_numbers,
    effect_finding,
    is_assignment_wrong,
    is_labelling_unequal,
    rail_findings,
)
from serving.rollout.in_words import (
    assignment_in_words,
    effect_in_words,
    labelling_in_words,
    rail_in_words,
    shadow_in_words,
)
from serving.rollout.plan import GuardRail
from serving.rollout.rate_interval import rate_interval
from serving.rollout.state import Decision, RolloutState, Verdict, moment


@dataclass(frozen=True, kw_only=True, slots=True)
class RolloutEvent:
    """A change of state.

    Attributes:
        name: `started`, `step`, `decided`, `promoted`, `refused` or `stopped`.
        at: ISO 8601, on the clock of the evidence.
        reason: One sentence.
        numbers: Plain values: what it was decided on.
    """

    name: str
    at: str
    reason: str
    numbers: dict[str, Any]


Ruling = tuple[Verdict, str, str]
"""Verdict, cause and reason."""

Rule = Callable[[RolloutState, Evidence, datetime], Ruling | None]


def advance(
    state: RolloutState, evidence: Evidence, now: datetime
) -> tuple[RolloutState, RolloutEvent | None]:
    """Returns the state after one look, and what changed it; None: nothing did.

    Args:
        state: Where the rollout stands; one with a decision stays as it is.
        evidence: Up to now.
        now: On the clock of the evidence.
    """
    if not state.is_running:
        return state, None
    for rule in _RULES:
        ruling = rule(state, evidence, now)
        if ruling is not None:
            return decide(state, ruling, now, as_numbers(state, evidence))
    if state.step + 1 < len(state.plan.steps) and _is_step_over(state, evidence, now):
        return _next_step(state, evidence, now)
    return state, None


def decide(
    state: RolloutState, ruling: Ruling, now: datetime, numbers: dict[str, Any]
) -> tuple[RolloutState, RolloutEvent]:
    """Returns the state with a decision, and its event.

    A promotion within a model folder first gives all requests to the stable arm: the
    candidate's server loses the folder it serves from when the version moves.
    """
    verdict, cause, reason = ruling
    is_move = verdict == "promote" and state.plan.model_dir is not None
    decision = Decision(
        verdict=verdict,
        cause=cause,
        reason=reason,
        at=now.isoformat(),
        outcome="pending" if is_move else "done",
    )
    share = 1.0 if verdict == "promote" and not is_move else 0.0
    decided = dataclasses.replace(
        state.with_share(share), serial=state.serial + 1, decision=decision
    )
    name = "stopped" if verdict == "stopped" else "decided"
    numbers = {"verdict": verdict, "cause": cause, **numbers}
    return decided, RolloutEvent(
        name=name, at=decision.at, reason=reason, numbers=numbers
    )


def _trust(state: RolloutState, evidence: Evidence, _: datetime) -> Ruling | None:
    if state.plan.metric is None:
        return None
    if is_assignment_wrong(evidence.labels):
        return "rollback", "assignment", assignment_in_words(state, evidence.labels)
    if is_labelling_unequal(evidence.labels):
        return "rollback", "labels", labelling_in_words(state, evidence.labels)
    return None


def _guard_rails(state: RolloutState, evidence: Evidence, _: datetime) -> Ruling | None:
    for finding in rail_findings(state, evidence):
        is_shadows = state.kind == "shadow" and finding.rail.name == "different"
        if finding.is_broken and not is_shadows:
            return "rollback", finding.rail.name, rail_in_words(finding)
    return None


def _shadow(state: RolloutState, evidence: Evidence, _: datetime) -> Ruling | None:
    rail = different_rail(state)
    if rail is None or rail.max_rate is None:
        return None
    tally = next(
        (one.candidate for one in evidence.rails if one.name == rail.name), Tally()
    )
    if tally.num_trials < state.plan.min_compared:
        return None
    low, high = rate_interval(tally.num_events, tally.num_trials, rail.level)
    reason = shadow_in_words(tally, (low, high), rail)
    if low > rail.max_rate:
        return "rollback", "shadow", reason
    return ("passed", "shadow", reason) if high < rail.max_rate else None


def different_rail(state: RolloutState) -> GuardRail | None:
    """Returns what decides a shadow; None for other kinds."""
    if state.kind != "shadow":
        return None
    rails = [rail for rail in state.plan.guard_rails if rail.name == "different"]
    return rails[0] if rails else None


def _loss(state: RolloutState, evidence: Evidence, _: datetime) -> Ruling | None:
    return _by_metric(state, evidence, "rollback", ("worse", "too small"))


def _time(state: RolloutState, _evidence: Evidence, now: datetime) -> Ruling | None:
    longest = state.plan.max_duration_s
    lasted = (now - moment(state.step_starts[0])).total_seconds()
    if longest is None or lasted < longest:
        return None
    reason = f"Nothing was shown within the {longest:,.0f} s it was given."
    return "rollback", "time", reason


def _end_of_ramp(
    state: RolloutState, evidence: Evidence, now: datetime
) -> Ruling | None:
    is_last = state.step + 1 == len(state.plan.steps)
    is_shadow = state.kind == "shadow"
    if is_shadow or not is_last or not _is_step_over(state, evidence, now):
        return None
    if state.plan.metric is None:
        requests = evidence.num_requests[1]
        reason = (
            f"The candidate answered {requests:,} requests over "
            f"{len(state.plan.steps)} steps and broke no guard rail."
        )
        return "promote", "ramp", reason
    shown = _by_metric(state, evidence, "promote", ("better", "no worse"))
    return shown or _by_metric(state, evidence, "rollback", ("used up",))


_RULES: tuple[Rule, ...] = (_trust, _guard_rails, _shadow, _loss, _time, _end_of_ramp)


def _by_metric(
    state: RolloutState, evidence: Evidence, verdict: Verdict, which: tuple[str, ...]
) -> Ruling | None:
    plan = state.plan.metric
    if plan is None:
        return None
    finding = effect_finding(plan, evidence.labels)
    if finding.verdict not in which:
        return None
    return verdict, "metric", effect_in_words(plan, evidence.labels, finding)


def _is_step_over(state: RolloutState, evidence: Evidence, now: datetime) -> bool:
    step = state.plan.steps[state.step]
    lasted = (now - moment(state.step_starts[-1])).total_seconds()
    has_requests = evidence.num_in_step >= step.min_requests
    return has_requests and lasted >= step.min_duration_s


def _next_step(
    state: RolloutState, evidence: Evidence, now: datetime
) -> tuple[RolloutState, RolloutEvent]:
    before, share = state.candidate.share, state.plan.steps[state.step + 1].share
    moved = dataclasses.replace(
        state.with_share(share),
        serial=state.serial + 1,
        step=state.step + 1,
        step_starts=(*state.step_starts, now.isoformat()),
    )
    reason = (
        f"The candidate's share grows from {before:.3%} to {share:.3%}: it answered "
        f"{evidence.num_in_step:,} requests in step {state.step + 1} of "
        f"{len(state.plan.steps)} and broke no guard rail."
    )
    event = RolloutEvent(
        name="step",
        at=now.isoformat(),
        reason=reason,
        numbers=as_numbers(state, evidence),
    )
    return moved, event

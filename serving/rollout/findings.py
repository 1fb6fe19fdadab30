"""What the evidence shows, in numbers: for decisions, events and people alike."""

import math
from dataclasses import dataclass
from typing import Any, Literal

from serving.rollout.effect import EffectSums, Interval, interval_of
from serving.rollout.evidence import Evidence, LabelEvidence, RailEvidence
from serving.rollout.odds_test import (
    NO_EVIDENCE,
    add_events,
    is_shown,
    log_evidence,
)
from serving.rollout.plan import GuardRail, MetricPlan
from serving.rollout.rate_interval import rate_interval
from serving.rollout.state import RolloutState

# Such checks shall be silent in all but a thousandth of the rollouts.
ASSIGNMENT_LEVEL = 0.001

# A spread that is measured early may be far too small.
_LEAST_NEEDED = 0.5

EffectVerdict = Literal["better", "worse", "no worse", "too small", "used up", "open"]


@dataclass(frozen=True, kw_only=True, slots=True)
class EffectFinding:
    """The metric's answer.

    Attributes:
        interval: Of candidate minus stable, in the metric's unit and sign.
        gain_low: Least improvement that is not refuted; negative: a loss.
        gain_high: Greatest one.
        used: Share of the information that is needed, 1 or more: all of it. Needed is
            the planned one times (measured spread / planned spread)^2, at least half.
        verdict: `better`: an improvement is shown; `worse`: a loss is, by more than
            minimum_effect if the goal is non-inferiority; `no worse`: a loss of
            minimum_effect is refuted; `too small`: an improvement of minimum_effect
            is; `used up`: the information is, and none of these; `open`: none yet.
    """

    interval: Interval
    gain_low: float
    gain_high: float
    used: float
    verdict: EffectVerdict


@dataclass(frozen=True, kw_only=True, slots=True)
class RailFinding:
    """A guard rail's answer.

    Attributes:
        rail: The guard rail.
        evidence: Its counts.
        candidate_rate: Share of the candidate's requests; NaN without any.
        stable_rate: The same of the stable arm.
        log_evidence: Smallest of its bounds' log evidence.
        log_needed: What that must reach to break it.
        is_broken: Every bound that is given is shown to be exceeded.
    """

    rail: GuardRail
    evidence: RailEvidence
    candidate_rate: float
    stable_rate: float
    log_evidence: float
    log_needed: float
    is_broken: bool

    def candidate_range(self) -> tuple[float, float]:
        """Returns what the candidate's share may be, at the guard rail's level."""
        counts = self.evidence.candidate
        return rate_interval(counts.num_events, counts.num_trials, self.rail.level)


def effect_finding(plan: MetricPlan, labels: LabelEvidence) -> EffectFinding:
    """Returns what the metric shows at this look."""
    interval = interval_of(
        labels.effect,
        level=plan.level,
        planned_variance=plan.information * plan.std**2,
    )
    bounds = sorted((_sign(plan) * interval.low, _sign(plan) * interval.high))
    used = _used(plan, labels.effect)
    return EffectFinding(
        interval=interval,
        gain_low=bounds[0],
        gain_high=bounds[1],
        used=used,
        verdict=_verdict(plan, bounds[0], bounds[1], used),
    )


def _used(plan: MetricPlan, sums: EffectSums) -> float:
    used = sums.sum_w / plan.information
    if not sums.has_enough:
        return used
    measured = sums.variance / sums.sum_w
    return used / max(_LEAST_NEEDED, measured / plan.std**2)


def _sign(plan: MetricPlan) -> float:
    return 1.0 if plan.is_larger_better else -1.0


def _verdict(plan: MetricPlan, low: float, high: float, used: float) -> EffectVerdict:
    is_superiority = plan.goal == "superiority"
    worst = 0.0 if is_superiority else -plan.minimum_effect
    if low > worst:
        return "better" if is_superiority else "no worse"
    if high < worst:
        return "worse"
    if is_superiority and high < plan.minimum_effect:
        return "too small"
    return "used up" if used >= 1 else "open"


def rail_finding(rail: GuardRail, evidence: RailEvidence) -> RailFinding:
    """Returns what a guard rail shows at this look."""
    counts, shown = evidence.candidate, []
    if rail.max_ratio is not None:
        shown.append(evidence.ratio_logs)
    if rail.max_rate is not None:
        others = counts.num_trials - counts.num_events
        shown.append(add_events(NO_EVIDENCE, rail.max_rate, counts.num_events, others))
    return RailFinding(
        rail=rail,
        evidence=evidence,
        candidate_rate=_rate(counts.num_events, counts.num_trials),
        stable_rate=_rate(evidence.stable.num_events, evidence.stable.num_trials),
        log_evidence=min(log_evidence(logs) for logs in shown),
        log_needed=-math.log(rail.level),
        is_broken=all(is_shown(logs, rail.level) for logs in shown),
    )


def rail_findings(state: RolloutState, evidence: Evidence) -> list[RailFinding]:
    """Returns all guard rails' answers, in the plan's order."""
    by_name = {rail.name: rail for rail in evidence.rails}
    return [
        rail_finding(rail, by_name.get(rail.name, RailEvidence(name=rail.name)))
        for rail in state.plan.guard_rails
    ]


def is_assignment_wrong(labels: LabelEvidence) -> bool:
    """Tells whether the arms did not get the units they should have got."""
    return is_shown(labels.unit_logs, ASSIGNMENT_LEVEL)


def is_labelling_unequal(labels: LabelEvidence) -> bool:
    """Tells whether labels come more often for one arm than for the other."""
    return is_shown(labels.labelled_logs, ASSIGNMENT_LEVEL)


def as_numbers(state: RolloutState, evidence: Evidence) -> dict[str, Any]:
    """Returns all findings as plain values; None for what is not known yet."""
    stable, candidate = evidence.num_requests
    found: dict[str, Any] = {
        "requests": {"stable": stable, "candidate": candidate},
        "step": state.step,
        "requests_in_step": evidence.num_in_step,
        "guard_rails": [_rail_numbers(one) for one in rail_findings(state, evidence)],
    }
    plan, labels = state.plan.metric, evidence.labels
    if plan is not None:
        found["metric"] = _effect_numbers(plan, labels)
        found["units"] = {
            "stable": labels.num_units[0],
            "candidate": labels.num_units[1],
            "repeats": labels.num_repeats,
            "without_key": labels.num_unkeyed,
            "while_shares_changed": labels.num_settling,
            "read_until": labels.read_until or None,
        }
    return found


def _effect_numbers(plan: MetricPlan, labels: LabelEvidence) -> dict[str, Any]:
    finding, sums = effect_finding(plan, labels), labels.effect
    return {
        "name": plan.name,
        "goal": plan.goal,
        "labelled": {"stable": sums.num_stable, "candidate": sums.num_candidate},
        "mean": {
            "stable": _known(_rate(sums.sum_stable, sums.num_stable)),
            "candidate": _known(_rate(sums.sum_candidate, sums.num_candidate)),
        },
        "effect": _known(finding.interval.estimate),
        "low": _known(finding.interval.low),
        "high": _known(finding.interval.high),
        "level": plan.level,
        "p_value": finding.interval.p_value,
        "information_used": finding.used,
        "verdict": finding.verdict,
    }


def _rail_numbers(finding: RailFinding) -> dict[str, Any]:
    rail, evidence = finding.rail, finding.evidence
    return {
        "name": rail.name,
        "candidate": [evidence.candidate.num_events, evidence.candidate.num_trials],
        "stable": [evidence.stable.num_events, evidence.stable.num_trials],
        "candidate_range": list(finding.candidate_range()),
        "max_rate": rail.max_rate,
        "max_ratio": rail.max_ratio,
        "limit_s": rail.limit_s,
        "log_evidence": finding.log_evidence,
        "log_needed": finding.log_needed,
        "is_broken": finding.is_broken,
    }


def _rate(total: float, count: int) -> float:
    return total / count if count else math.nan


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None

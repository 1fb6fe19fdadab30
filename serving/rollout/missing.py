"""What has to happen before a rollout can end well."""

import math
from datetime import datetime

from serving.rollout.durations import duration_in_words
from serving.rollout.evidence import Evidence
from serving.rollout.findings import effect_finding
from serving.rollout.state import RolloutState, moment


def missing_until_decision(
    state: RolloutState, evidence: Evidence, now: datetime
) -> list[str]:
    """Returns what has to happen before the rollout can end well, a line each."""
    plan, found = state.plan, []
    step = plan.steps[state.step]
    requests = step.min_requests - evidence.num_in_step
    if requests > 0:
        found.append(f"{requests:,} more requests of the candidate in this step")
    lasted = (now - moment(state.step_starts[-1])).total_seconds()
    if step.min_duration_s > lasted:
        left = duration_in_words(step.min_duration_s - lasted)
        found.append(f"{left} more of this step")
    steps = len(plan.steps) - state.step - 1
    if steps:
        shares = ", ".join(f"{one.share:.3g}" for one in plan.steps[state.step + 1 :])
        found.append(f"{steps} more steps, shares {shares}")
    found += _missing_evidence(state, evidence)
    return found or ["nothing: the next look decides"]


def _missing_evidence(state: RolloutState, evidence: Evidence) -> list[str]:
    plan, found = state.plan, []
    if state.kind == "shadow":
        compared = sum(
            rail.candidate.num_trials
            for rail in evidence.rails
            if rail.name == "different"
        )
        if compared < plan.min_compared:
            found.append(f"{plan.min_compared - compared:,} more compared answers")
    if plan.metric is not None:
        finding = effect_finding(plan.metric, evidence.labels)
        if finding.verdict == "open":
            share = plan.steps[-1].share
            sums = evidence.labels.effect
            needed = (
                sums.sum_w / finding.used if sums.sum_w else plan.metric.information
            )
            left = max(0.0, needed - sums.sum_w)
            units = left / (share * (1 - share)) if 0 < share < 1 else math.inf
            delay = duration_in_words(plan.metric.label_delay_s)
            found.append(
                f"at most {units:,.0f} more labelled units at a share of {share:g}; "
                f"only units older than {delay} count"
            )
    return found

"""Says with its numbers why something was decided; a sentence each."""

import math

from serving.rollout.evidence import LabelEvidence, Tally
from serving.rollout.findings import ASSIGNMENT_LEVEL, EffectFinding, RailFinding
from serving.rollout.plan import GuardRail, MetricPlan
from serving.rollout.rail_counts import counted_limit_s
from serving.rollout.state import RolloutState

_RAILS = {
    "errors": "failed",
    "refused": "were refused",
    "missing": "were answered without outputs",
    "slow": "took longer than {limit:.3g} s",
    "different": "were answered differently",
}
_MEANINGS = {
    "better": "it is better",
    "worse": "it is worse than is borne",
    "no worse": "a loss of {effect:g} is refuted",
    "too small": "an improvement of {effect:g} is refuted",
    "used up": "the planned sample is used up and nothing was shown",
    "open": "nothing is shown yet",
}


def effect_in_words(
    plan: MetricPlan, labels: LabelEvidence, finding: EffectFinding
) -> str:
    """Returns the effect, its interval and what follows."""
    sums, interval = labels.effect, finding.interval
    way = "larger" if plan.is_larger_better else "smaller"
    meaning = _MEANINGS[finding.verdict].format(effect=plan.minimum_effect)
    return (
        f"{plan.name} of the candidate minus the stable arm's is "
        f"{interval.estimate:+.4g} [{interval.low:+.4g}, {interval.high:+.4g}] "
        f"({1 - plan.level:.4g} at all looks; {way} is better) over "
        f"{sums.num_candidate:,} and {sums.num_stable:,} labelled units: {meaning}."
    )


def rail_in_words(finding: RailFinding) -> str:
    """Returns the candidate's share, the stable arm's, and the bounds."""
    rail, evidence = finding.rail, finding.evidence
    words = what_is_counted(rail)
    low, high = finding.candidate_range()
    return (
        f"{_share(evidence.candidate)} of the candidate's requests {words}, "
        f"[{low:.3%}, {high:.3%}] at all looks, against {_share(evidence.stable)} of "
        f"the stable arm's; {bounds_in_words(rail)}. Evidence "
        f"{_multiple(finding.log_evidence)}, needed {_multiple(finding.log_needed)}."
    )


def what_is_counted(rail: GuardRail) -> str:
    """Returns a guard rail's predicate, such as "failed"."""
    limit = counted_limit_s(rail.limit_s) if rail.limit_s is not None else math.nan
    return _RAILS[rail.name].format(limit=limit)


def bounds_in_words(rail: GuardRail) -> str:
    """Returns what is borne."""
    rate, ratio = rail.max_rate, rail.max_ratio
    if rate is None:
        return f"borne is {ratio:g} times the stable arm's share"
    if ratio is None:
        return f"borne is {rate:.3%}"
    return f"borne is {rate:.3%}, or {ratio:g} times the stable arm's share if more"


def shadow_in_words(
    tally: Tally, interval: tuple[float, float], rail: GuardRail
) -> str:
    """Returns how often a shadow's answers differed."""
    return (
        f"{_share(tally)} of the compared answers differ, [{interval[0]:.3%}, "
        f"{interval[1]:.3%}] at all looks; {bounds_in_words(rail)}."
    )


def assignment_in_words(state: RolloutState, labels: LabelEvidence) -> str:
    """Returns what the arms got instead of their shares."""
    stable, candidate = labels.num_units
    return (
        f"The candidate got {candidate:,} of {stable + candidate:,} units, which its "
        f"share of {state.candidate.share:.3%} (and the steps before) does not give "
        f"but by a chance of {ASSIGNMENT_LEVEL:g}: the comparison cannot be trusted. "
        "See whether an arm loses requests, or keys were assigned elsewhere."
    )


def labelling_in_words(state: RolloutState, labels: LabelEvidence) -> str:
    """Returns how many units of each arm are labelled."""
    sums, units = labels.effect, labels.num_units
    return (
        f"Labels came for {sums.num_candidate:,} of the candidate's {units[1]:,} units "
        f"and for {sums.num_stable:,} of the stable arm's {units[0]:,}, which a share "
        f"of {state.candidate.share:.3%} does not give but by a chance of "
        f"{ASSIGNMENT_LEVEL:g}: the labelled ones cannot be compared."
    )


def _share(tally: Tally) -> str:
    if not tally.num_trials:
        return "none"
    rate = tally.num_events / tally.num_trials
    return f"{tally.num_events:,} of {tally.num_trials:,} ({rate:.3%})"


def _multiple(log_ratio: float) -> str:
    """Returns a likelihood ratio as a multiple."""
    largest = 12 * math.log(10)
    return f"{math.exp(min(log_ratio, largest)):.3g}:1"

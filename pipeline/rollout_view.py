"""Shows a rollout so that a person sees at a glance where it stands."""

import math
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from serving.rollout.baseline import Baseline
from serving.rollout.durations import duration_in_words
from serving.rollout.evidence import Evidence
from serving.rollout.findings import (
    EffectFinding,
    RailFinding,
    effect_finding,
    rail_findings,
)
from serving.rollout.in_words import bounds_in_words, what_is_counted
from serving.rollout.missing import missing_until_decision
from serving.rollout.plan import MetricPlan, RolloutPlan
from serving.rollout.sample_size import SampleSize, need_of
from serving.rollout.state import RolloutState, moment

_BAR = 30
_VERDICT_STYLES = {
    "promote": "bold green",
    "passed": "bold green",
    "rollback": "bold red",
    "stopped": "bold yellow",
}


def print_status(
    console: Console, state: RolloutState, evidence: Evidence, now: datetime
) -> None:
    """Prints arms, effect, guard rails, and what is missing until a decision."""
    parts: list[RenderableType] = [_head(state, now), _arms(state, evidence)]
    plan = state.plan.metric
    if plan is not None:
        parts.append(_effect(plan, evidence))
    if state.plan.guard_rails:
        parts.append(_rails(state, evidence))
    parts.append(_end(state, evidence, now))
    console.print(Group(*(Group(part, Text()) for part in parts)))


def _head(state: RolloutState, now: datetime) -> Text:
    decision = state.decision
    if decision is None:
        word, style = "running", "bold cyan"
    else:
        word, style = decision.verdict, _VERDICT_STYLES[decision.verdict]
        word += " (being carried out)" if decision.outcome == "pending" else ""
    began = moment(state.step_starts[0])
    until = moment(decision.at) if decision else now
    lasted = duration_in_words((until - began).total_seconds())
    return Text.assemble(
        (f" {word} ", f"{style} reverse"),
        f" {state.kind} of {state.model}, rollout {state.id}, ",
        f"step {state.step + 1} of {len(state.plan.steps)}, {lasted}",
    )


def _arms(state: RolloutState, evidence: Evidence) -> Table:
    table = _table("arm", "share", "", "requests", "labelled", "mean", "server")
    for column in (1, 3, 4, 5):
        table.columns[column].justify = "right"
    sums = evidence.labels.effect
    labelled = (sums.num_stable, sums.num_candidate)
    totals = (sums.sum_stable, sums.sum_candidate)
    for place, arm in enumerate(state.arms):
        mean = totals[place] / labelled[place] if labelled[place] else math.nan
        version = f" version {arm.version}" if arm.version else ""
        table.add_row(
            arm.name,
            f"{arm.share:.1%}",
            Text(_bar(arm.share), "green" if place else "blue"),
            f"{evidence.num_requests[place]:,}",
            f"{labelled[place]:,}" if state.plan.metric else "",
            f"{mean:.4g}" if labelled[place] else "",
            Text(f"{arm.url}{version}", "dim"),
        )
    return table


def _effect(plan: MetricPlan, evidence: Evidence) -> Group:
    finding = effect_finding(plan, evidence.labels)
    interval = finding.interval
    better = "larger" if plan.is_larger_better else "smaller"
    style = {"better": "green", "no worse": "green", "open": ""}.get(
        finding.verdict, "red"
    )
    found = "not known yet"
    if math.isfinite(interval.low):
        found = f"{interval.estimate:+.4g} [{interval.low:+.4g}, {interval.high:+.4g}]"
    words = Text.assemble(
        (f"{plan.name} ", "bold"),
        "candidate - stable: ",
        (found, style),
        f"  p {interval.p_value:.3g}, {better} is better, ",
        (f"{plan.goal.replace('_', '-')}: {finding.verdict}", style),
    )
    return Group(words, _ruler(plan, finding), _used(finding))


def _ruler(plan: MetricPlan, finding: EffectFinding) -> Text:
    """Draws the interval of the gain on a line from -3 to 3 planned effects."""
    span, width = 3 * plan.minimum_effect, 2 * _BAR + 1

    def place(gain: float) -> int:
        share = (max(-span, min(span, gain)) + span) / (2 * span)
        return round(share * (width - 1))

    line = ["─"] * width
    for spot in range(place(finding.gain_low), place(finding.gain_high) + 1):
        line[spot] = "━"
    line[place(0.0)] = "┼"
    wanted = plan.minimum_effect * (1 if plan.goal == "superiority" else -1)
    line[place(wanted)] = "╎"
    if math.isfinite(finding.interval.estimate):
        gain = finding.interval.estimate * (1 if plan.is_larger_better else -1)
        line[place(gain)] = "●"
    return Text(
        f"  worse {''.join(line)} better   (┼ none, ╎ {abs(wanted):.4g})", "dim"
    )


def _used(finding: EffectFinding) -> Text:
    share = min(1.0, finding.used)
    return Text(f"  sample used  {_bar(share)} {finding.used:.0%}", "dim")


def _rails(state: RolloutState, evidence: Evidence) -> Table:
    table = _table("guard rail", "candidate", "may be", "stable", "evidence", "")
    for column in (1, 2, 3):
        table.columns[column].justify = "right"
    for finding in rail_findings(state, evidence):
        table.add_row(*_rail_cells(finding))
    return table


def _rail_cells(finding: RailFinding) -> tuple[str | Text, ...]:
    rail, counts = finding.rail, finding.evidence
    low, high = finding.candidate_range()
    share = max(0.0, min(1.0, finding.log_evidence / finding.log_needed))
    mark = Text("✗ broken", "bold red") if finding.is_broken else Text("✓", "green")
    return (
        what_is_counted(rail),
        _percent(finding.candidate_rate),
        f"{low:.2%} to {high:.2%}" if counts.candidate.num_trials else "",
        _percent(finding.stable_rate),
        Text(_bar(share, 10), "red" if finding.is_broken else "dim"),
        Text.assemble(mark, (f"  {bounds_in_words(rail)}", "dim")),
    )


def _end(state: RolloutState, evidence: Evidence, now: datetime) -> Panel:
    decision = state.decision
    if decision is not None:
        title = f"{decision.verdict} by {decision.cause}, {decision.at[:19]}"
        style = _VERDICT_STYLES[decision.verdict]
        return Panel(Text(decision.reason), title=title, border_style=style)
    missing = missing_until_decision(state, evidence, now)
    return Panel(Text("\n".join(missing)), title="missing until a decision")


def print_plan(console: Console, state: RolloutState) -> None:
    """Prints what will be done, before it starts."""
    steps = " → ".join(f"{step.share:.3g}" for step in state.plan.steps)
    console.print(
        Text(f"{state.kind} of {state.model}, candidate's share {steps}", "bold")
    )
    for arm in state.arms:
        console.print(Text(f"  {arm.name:<10} {arm.url}"))
    for rail in state.plan.guard_rails:
        words = f"requests that {what_is_counted(rail)}: {bounds_in_words(rail)}"
        console.print(Text(f"  guard rail {words} (level {rail.level:.3g})"))
    console.print(Text(f"  if it is promoted: {_promotion(state.plan)}"))


def _promotion(plan: RolloutPlan) -> str:
    if plan.model_dir is None:
        return (
            "the candidate's server gets all requests; no model folder was named, so "
            "nothing else moves"
        )
    return f"its version becomes the one that {plan.model_dir} serves"


def print_sample_size(
    console: Console, plan: RolloutPlan, size: SampleSize, baseline: Baseline
) -> None:
    """Prints how many units and how long, for the test and for one of fixed size."""
    metric = plan.metric
    if metric is None:
        return
    console.print(
        Text(
            f"  {metric.name}: {_mean(baseline)}spread {baseline.std:.4g} "
            f"(planned with {metric.std:.4g}), "
            f"{baseline.units_per_s * 86_400:,.0f} units a day; "
            f"{metric.goal.replace('_', '-')} with an effect of "
            f"{metric.minimum_effect:.4g}, level {metric.level:g}, power "
            f"{metric.power:g}"
        )
    )
    table = _table("", "units", "candidate's", "takes")
    for column in (1, 2, 3):
        table.columns[column].justify = "right"
    is_superiority = metric.goal == "superiority"
    as_hoped = "as planned" if is_superiority else "none"
    else_way = "none" if is_superiority else "the loss not borne"
    rows = (
        (f"at most (found in {size.power:.0%})", size.information),
        (f"on average, effect {as_hoped}", size.mean_information),
        (f"on average, effect {else_way}", size.mean_information_other),
        ("a test of fixed size, looked at once", size.fixed_information),
    )
    for label, information in rows:
        need = need_of(
            information,
            plan.steps,
            units_per_s=baseline.units_per_s,
            label_delay_s=metric.label_delay_s,
        )
        table.add_row(
            f"  {label}",
            f"{need.num_units:,}",
            f"{need.num_candidate:,}",
            duration_in_words(need.duration_s),
        )
    console.print(table)


def _mean(baseline: Baseline) -> str:
    return "" if math.isnan(baseline.mean) else f"mean {baseline.mean:.4g}, "


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, no_wrap=heading not in ("", "server"))
    return table


def _bar(share: float, width: int = _BAR) -> str:
    filled = round(share * width)
    return "█" * filled + "░" * (width - filled)


def _percent(rate: float) -> str:
    return "" if math.isnan(rate) else f"{rate:.2%}"

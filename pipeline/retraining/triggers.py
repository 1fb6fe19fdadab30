"""What asks for a run: a person, spans, a schedule, drift with impact, lost quality.

Each trigger says what it saw, also when it stays quiet: `slipway why retrain` shows it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pipeline.retraining.cron_times import last_due
from pipeline.retraining.evidence import (
    Evidence,
    History,
    MetricFact,
    ReportFact,
    WindowFact,
    new_spans,
)
from pipeline.retraining.policy import DriftTrigger, QualityTrigger, RetrainingConfig

State = Literal["fired", "weak", "quiet"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What one trigger saw.

    Attributes:
        trigger: "asked", "new_spans", "schedule", "drift" or "quality".
        state: "fired"; "weak": there is something, but it does not count (drift
            without impact, an estimate where estimates are not allowed); "quiet".
        sentence: In plain words, without a full stop.
        numbers: What the sentence is made of: windows, values, thresholds.
    """

    trigger: str
    state: State
    sentence: str
    numbers: dict[str, Any] = field(default_factory=dict)


def check_triggers(
    policy: RetrainingConfig, evidence: Evidence, history: History, now: datetime
) -> Iterator[Finding]:
    """Yields what each configured trigger sees."""
    if evidence.asked:
        yield Finding(trigger="asked", state="fired", sentence=evidence.asked)
    if policy.new_spans is not None:
        yield _check_spans(policy.new_spans, evidence, history)
    if policy.schedule is not None:
        yield _check_schedule(policy.schedule, history, now)
    if policy.drift is not None:
        yield _check_drift(policy.drift, evidence.report)
    for quality in policy.quality:
        yield _check_quality(quality, evidence.report)


def _check_spans(wanted: int, evidence: Evidence, history: History) -> Finding:
    last = history.last_concluded
    fresh = new_spans(evidence, last)
    since = f"since run {last.run_id}" if last else "and no run has read any"
    names = ", ".join(str(span.span) for span in fresh)
    num_rows = sum(span.num_rows for span in fresh)
    what = f"span {names} with {num_rows:,} rows" if fresh else "no span"
    enough = "" if len(fresh) >= wanted else f" (new_spans is {wanted})"
    return Finding(
        trigger="new_spans",
        state="fired" if len(fresh) >= wanted else "quiet",
        sentence=f"{what} is new {since}{enough}",
        numbers={"spans": [span.span for span in fresh], "rows": num_rows},
    )


def _check_schedule(schedule: str, history: History, now: datetime) -> Finding:
    due = last_due(schedule, now)
    if due is None:
        return Finding(
            trigger="schedule",
            state="quiet",
            sentence=f"schedule {schedule!r} was never due",
        )
    starts = [*history.starts, *(run.started_at for run in history.runs)]
    newest = max(starts, default=None)
    is_open = newest is None or newest < due
    last = "no run was" if newest is None else f"the last run was {_minute(newest)}"
    return Finding(
        trigger="schedule",
        state="fired" if is_open else "quiet",
        sentence=f"schedule {schedule!r} was due at {_minute(due)}; {last} started",
        numbers={"due": due.isoformat()},
    )


def _check_drift(trigger: DriftTrigger, report: ReportFact | None) -> Finding:
    if report is None:
        return _no_report("drift")
    looked_at = report.windows[-trigger.of_last :]
    seen = [_drift_in(trigger, window) for window in looked_at]
    strong = [hit for hit in seen if hit["with_impact"]]
    some = [hit for hit in seen if hit["alarms"]]
    state: State = "quiet"
    if len(strong) >= trigger.windows:
        state = "fired"
    elif len(some) >= trigger.windows:
        state = "weak"
    return Finding(
        trigger="drift",
        state=state,
        sentence=f"{len(strong)} of the last {len(looked_at)} windows show drift with "
        f"an impact of at least {trigger.min_impact:g} ({trigger.windows} must)"
        f"{_worst(some)}",
        numbers={
            "min_impact": trigger.min_impact,
            "needed": trigger.windows,
            "windows": seen,
        },
    )


def _drift_in(trigger: DriftTrigger, window: WindowFact) -> dict[str, Any]:
    alarms = [alarm for alarm in window.alarms if alarm.kind in trigger.kinds]
    return {
        "start": window.start.isoformat(),
        "end": window.end.isoformat(),
        "rows": window.num_rows,
        "alarms": [
            {
                "kind": alarm.kind,
                "feature": alarm.feature,
                "value": alarm.value,
                "threshold": alarm.threshold,
                "impact": alarm.impact,
            }
            for alarm in alarms
        ],
        "with_impact": sum((a.impact or 0.0) >= trigger.min_impact for a in alarms),
    }


def _worst(windows: list[dict[str, Any]]) -> str:
    """Names the alarm of the largest impact; nothing where there is none."""
    alarms = [alarm for window in windows for alarm in window["alarms"]]
    if not alarms:
        return ", none shows any"
    worst = max(alarms, key=lambda alarm: alarm["impact"] or 0.0)
    impact = "unknown" if worst["impact"] is None else f"{worst['impact']:.3g}"
    subject = worst["feature"] or "the prediction"
    return f"; the largest is {worst['kind']} of {subject}, impact {impact}"


def _check_quality(trigger: QualityTrigger, report: ReportFact | None) -> Finding:
    if report is None:
        return _no_report(f"quality of {trigger.metric}")
    measured = _beyond(trigger, report, with_estimates=trigger.allow_estimate)
    if measured["hits"] >= trigger.windows:
        return _quality_finding(trigger, measured, "fired")
    estimated = _beyond(trigger, report, with_estimates=True)
    if not trigger.allow_estimate and estimated["hits"] >= trigger.windows:
        return _quality_finding(trigger, estimated, "weak")
    return _quality_finding(trigger, measured, "quiet")


def _beyond(
    trigger: QualityTrigger, report: ReportFact, *, with_estimates: bool
) -> dict[str, Any]:
    known = [
        (window, fact)
        for window in report.windows
        for fact in [_metric_of(trigger.metric, window, with_estimates=with_estimates)]
        if fact is not None
    ][-trigger.of_last :]
    return {
        "hits": sum(_is_beyond(trigger, fact) for _, fact in known),
        "windows": [
            {
                "start": window.start.isoformat(),
                "end": window.end.isoformat(),
                "value": fact.value,
                "low": fact.low,
                "high": fact.high,
                "rows": fact.num_rows,
                "is_estimate": fact.is_estimate,
            }
            for window, fact in known
        ],
    }


def _metric_of(
    metric: str, window: WindowFact, *, with_estimates: bool
) -> MetricFact | None:
    """Returns the measured metric, or its estimate where that may stand in."""
    for fact in window.metrics:
        if fact.metric == metric and (with_estimates or not fact.is_estimate):
            return fact
    return None


def _is_beyond(trigger: QualityTrigger, fact: MetricFact) -> bool:
    if trigger.min is not None:
        return fact.high < trigger.min
    return trigger.max is not None and fact.low > trigger.max


def _quality_finding(
    trigger: QualityTrigger, seen: dict[str, Any], state: State
) -> Finding:
    limit = (
        f"below {trigger.min:g}"
        if trigger.min is not None
        else f"above {trigger.max:g}"
    )
    kind = "estimated" if state == "weak" else "measured"
    latest = seen["windows"][-1] if seen["windows"] else None
    newest = (
        f"; the newest is {latest['value']:.4f} ({latest['low']:.4f} to "
        f"{latest['high']:.4f}, {latest['rows']:,} rows)"
        if latest
        else ""
    )
    allowed = ", and estimates do not count (allow_estimate)" if state == "weak" else ""
    return Finding(
        trigger="quality",
        state=state,
        sentence=f"{trigger.metric}, {kind}, lies wholly {limit} in {seen['hits']} of "
        f"the last {len(seen['windows'])} windows ({trigger.windows} must)"
        f"{newest}{allowed}",
        numbers={
            "metric": trigger.metric,
            "min": trigger.min,
            "max": trigger.max,
            "needed": trigger.windows,
            "windows": seen["windows"],
        },
    )


def _no_report(trigger: str) -> Finding:
    return Finding(
        trigger=trigger.partition(" ")[0],
        state="quiet",
        sentence=f"{trigger} is not known: there is no monitor report",
    )


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"

"""The report in one sentence, and a second one about quality."""

from collections.abc import Sequence
from dataclasses import dataclass

from serving.monitoring.page.alarm_view import AlarmHistory
from serving.monitoring.page.numbers import counted, day, percent, stretch
from serving.monitoring.page.quality_charts import in_words, metric_name, metric_of
from serving.monitoring.page.timeline_view import all_rows_windows
from serving.monitoring.report_format import (
    SEVERITIES,
    Alarm,
    FeatureFinding,
    MonitorReport,
    Quality,
    Window,
)

_MOST_TOLD = 3
_NAMES = {"info": "note", "warning": "warning", "critical": "critical alarm"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What a reader in a hurry takes away.

    Attributes:
        severity: The gravest of what lasts: "critical", "warning", "info"; "ok" if
            nothing does; "unknown" where there is nothing to judge.
        headline: How many alarms, in which window.
        reasons: What they are, the worst first.
        quality: A sentence.
    """

    severity: str
    headline: str
    reasons: tuple[str, ...]
    quality: str

    @property
    def sentence(self) -> str:
        """All of it in one sentence."""
        why = f": {'; '.join(self.reasons)}" if self.reasons else ""
        return f"{self.headline}{why}; {self.quality}."


def verdict(report: MonitorReport, histories: Sequence[AlarmHistory]) -> Verdict:
    """Judges the report by its newest window.

    Args:
        report: May hold no window.
        histories: Of `alarm_histories`.
    """
    windows = all_rows_windows(report)
    if not any(window.num_rows for window in windows):
        return Verdict(
            severity="unknown",
            headline="Nothing to judge yet",
            reasons=("the log holds no row of this time",),
            quality="quality is not known",
        )
    newest = windows[-1]
    lasting = [history for history in histories if history.lasts]
    when = stretch(newest.start, newest.end)
    return Verdict(
        severity=lasting[0].alarm.severity if lasting else _calm(newest),
        headline=f"{_counts(lasting)} in the newest window, {when}",
        reasons=tuple(_reasons(lasting)) or _untested(newest),
        quality=_quality_sentence(windows, lasting),
    )


def _calm(newest: Window) -> str:
    return "ok" if any(found.tests for found in newest.features) else "unknown"


def _untested(newest: Window) -> tuple[str, ...]:
    if _calm(newest) == "ok":
        return ()
    return (f"its {counted(newest.num_rows, 'row')} are too few to test",)


def _counts(lasting: Sequence[AlarmHistory]) -> str:
    found = [history.alarm.severity for history in lasting]
    told = [
        counted(found.count(severity), _NAMES[severity])
        for severity in reversed(SEVERITIES)
        if severity in found
    ]
    if not told:
        return "No alarm"
    *first, last = told
    return f"{', '.join(first)} and {last}" if first else last


def _reasons(lasting: Sequence[AlarmHistory]) -> list[str]:
    told = [
        f"{_reason(history)}, {_since(history)}" for history in lasting[:_MOST_TOLD]
    ]
    if len(lasting) > _MOST_TOLD:
        told.append(f"and {len(lasting) - _MOST_TOLD} more")
    return told


def _since(history: AlarmHistory) -> str:
    return "new" if history.is_new else f"since {day(history.since)}"


def _reason(history: AlarmHistory) -> str:
    alarm = history.alarm
    found = _finding(history)
    where = f" in {alarm.slice}" if alarm.slice else ""
    name = alarm.feature
    if alarm.kind == "missing" and found:
        text = (
            f"{name} is missing in {percent(found.missing_rate)} of the rows "
            f"({percent(found.reference_missing_rate)} before)"
        )
    elif alarm.kind == "unknown" and found:
        text = f"{name} has {percent(found.unknown_rate)} unknown values"
    elif alarm.kind == "range" and found:
        text = f"{percent(found.out_of_range_rate)} of {name} lies outside its range"
    else:
        text = _TOLD[alarm.kind].format(name=name, metric=_metric(alarm))
    return text + where


_TOLD = {
    "missing": "{name} has more missing values",
    "unknown": "{name} has more unknown values",
    "range": "{name} has more values outside its range",
    "drift": "{name} is distributed differently",
    "prediction": "predictions have shifted",
    "quality": "measured quality is worse{metric}",
    "estimate": "estimated quality is worse{metric}",
    "skew": "training and serving differ",
}


def _metric(alarm: Alarm) -> str:
    name = metric_name(metric_of(alarm))
    return f" ({name})" if name else ""


def _finding(history: AlarmHistory) -> FeatureFinding | None:
    """Returns the feature as the alarm's newest window found it."""
    for found in history.windows[-1].features:
        if found.feature == history.alarm.feature:
            return found
    return None


def _quality_sentence(
    windows: Sequence[Window], lasting: Sequence[AlarmHistory]
) -> str:
    for window in reversed(windows):
        if window.quality is not None and window.quality.metrics:
            worse = [one.alarm for one in lasting if one.alarm.kind == "quality"]
            word = "quality is worse" if worse else "quality holds"
            shown = _shown(window.quality, [metric_of(alarm) for alarm in worse])
            when = stretch(window.start, window.end)
            return f"{word}: {shown} ({when}, measured)"
    for window in reversed(windows):
        if window.estimate is not None and window.estimate.metrics:
            return (
                "quality is not measured, too few labels have come; estimated "
                f"{_shown(window.estimate, [])}"
            )
    return "quality is not known, too few labels have come"


def _shown(quality: Quality, worse: Sequence[str]) -> str:
    """Returns the first metric that has become worse, or else AUC, or any other."""
    names = [*worse, "auc", *quality.metrics]
    return in_words(quality, next(name for name in names if name in quality.metrics))

"""Which alarms last: the newest word of a report on each slice, kind and feature."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from serving.monitoring.report_format import (
    Alarm,
    AlarmKind,
    MonitorReport,
    Window,
)

Subject = tuple[str, str, str]
"""Slice, kind of alarm, and feature, "" for a kind that is about no single feature."""

_SKEW: Subject = ("", "skew", "")
_OF_FEATURES: tuple[AlarmKind, ...] = ("missing", "unknown", "range", "drift")


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """What a report says about one moment.

    Attributes:
        end: End of the newest window.
        alarms: By id: those that last.
        measured: Subjects on which the report can judge. An alarm of another subject
            is neither on nor over: too few rows, or no labels yet.
    """

    end: datetime
    alarms: dict[str, Alarm]
    measured: frozenset[Subject]


def observations(report: MonitorReport) -> Iterator[Observation]:
    """Yields what lasted at the end of each window, in order of time.

    An alarm lasts while the newest window of its slice that could measure its subject
    has it: quality may be known of last week only, while this week's rows are counted.

    Args:
        report: Windows in any order.
    """
    newest: dict[Subject, tuple[Alarm, ...]] = {}
    in_order = sorted(report.windows, key=lambda window: window.end)
    last_alarms = {
        alarm
        for window in in_order
        if window.end == in_order[-1].end
        for alarm in window.alarms
    }
    for end, windows in groupby(in_order, key=lambda window: window.end):
        for window in windows:
            newest |= _judged(window)
        if end == in_order[-1].end and _has_skew(report):
            newest[_SKEW] = tuple(
                alarm for alarm in newest.get(_SKEW, ()) if alarm in last_alarms
            )
        alarms = {alarm.id: alarm for found in newest.values() for alarm in found}
        yield Observation(end=end, alarms=alarms, measured=frozenset(newest))


def subject_of(alarm: Alarm) -> Subject:
    """Returns what an alarm is about."""
    feature = alarm.feature if alarm.kind in _OF_FEATURES else ""
    return (alarm.slice, alarm.kind, feature)


def _judged(window: Window) -> dict[Subject, tuple[Alarm, ...]]:
    """Returns the alarms of each subject that this window measured, also none."""
    found: dict[Subject, tuple[Alarm, ...]] = {
        (window.slice, test.about, finding.feature): ()
        for finding in window.features
        for test in finding.tests
    }
    for finding in window.features:
        for test in finding.tests:
            # Of a slice it is left out what all rows say already; it goes on.
            if test.alarmed:
                found.pop((window.slice, test.about, finding.feature), None)
    if window.prediction is not None and window.prediction.tests:
        found[window.slice, "prediction", ""] = ()
    if window.quality is not None:
        found[window.slice, "quality", ""] = ()
    if window.estimate is not None:
        found[window.slice, "estimate", ""] = ()
    for alarm in window.alarms:
        subject = subject_of(alarm)
        found[subject] = (*found.get(subject, ()), alarm)
    return found


def _has_skew(report: MonitorReport) -> bool:
    """Tells whether skew was looked for, once for the whole report."""
    skew = report.skew
    return skew is not None and bool(skew.num_replayed or skew.features)

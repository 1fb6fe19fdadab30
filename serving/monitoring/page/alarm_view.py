"""Alarms: which last, since when, and which are over."""

from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from serving.monitoring.alerts.observation import Observation, observations
from serving.monitoring.page.numbers import number, percent, stretch
from serving.monitoring.page.quality_charts import metric_name, metric_of
from serving.monitoring.page.time_axis import TimeAxis
from serving.monitoring.report_format import SEVERITIES, Alarm, MonitorReport, Window

_STRIP_HEIGHT = 10
_RANKS: dict[str, int] = {severity: place for place, severity in enumerate(SEVERITIES)}


@dataclass(frozen=True, kw_only=True, slots=True)
class AlarmHistory:
    """One alarm over all windows.

    Attributes:
        alarm: As it was last.
        lasts: Whether it still does.
        is_new: Whether it lasts since the newest window that could measure it.
        since: Start of the first window of its last unbroken row.
        windows: Those that have it, in order of time.
        severities: Its severity in each of them.
    """

    alarm: Alarm
    lasts: bool
    is_new: bool
    since: datetime
    windows: tuple[Window, ...]
    severities: tuple[str, ...]

    @property
    def when(self) -> str:
        """The last unbroken row of windows, in words."""
        return stretch(self.since, self.windows[-1].end)

    @property
    def impact(self) -> str:
        """In words; nothing where it is not known."""
        return number(self.alarm.impact)

    @property
    def subject(self) -> str:
        """What it is about, such as "unknown values of carrier in origin=JFK"."""
        return subject(self.alarm)


def subject(alarm: Alarm) -> str:
    """Returns what an alarm is about, in a few words."""
    what = _SUBJECTS[alarm.kind]
    if alarm.feature and alarm.kind != "prediction":
        what += f" of {alarm.feature}"
    elif alarm.kind in ("quality", "estimate") and metric_of(alarm):
        what += f": {metric_name(metric_of(alarm))}"
    return f"{what} in {alarm.slice}" if alarm.slice else what


_SUBJECTS = {
    "missing": "missing values",
    "unknown": "unknown values",
    "range": "values outside the range",
    "drift": "changed distribution",
    "prediction": "changed predictions",
    "quality": "measured quality",
    "estimate": "estimated quality",
    "skew": "training-serving skew",
}


def alarm_histories(report: MonitorReport) -> list[AlarmHistory]:
    """Returns each alarm once: those that last first, then the gravest, by impact."""
    seen = list(observations(report))
    if not seen:
        return []
    windows: dict[str, list[tuple[Window, Alarm]]] = {}
    for window in sorted(report.windows, key=lambda window: window.end):
        for alarm in window.alarms:
            windows.setdefault(alarm.id, []).append((window, alarm))
    found = [_history(entries, seen) for entries in windows.values()]
    return sorted(found, key=_order)


def _history(
    entries: list[tuple[Window, Alarm]], seen: list[Observation]
) -> AlarmHistory:
    alarm = entries[-1][1]
    own = [window for window, _ in entries]
    since = _since(alarm.id, own, seen)
    lasts = alarm.id in seen[-1].alarms
    return AlarmHistory(
        alarm=seen[-1].alarms.get(alarm.id, alarm),
        lasts=lasts,
        is_new=lasts and len(seen) > 1 and since == own[-1].start,
        since=since,
        windows=tuple(own),
        severities=tuple(one.severity for _, one in entries),
    )


def _since(alarm_id: str, own: list[Window], seen: list[Observation]) -> datetime:
    """Returns the start of the window with which the last unbroken row began."""
    starts = {window.end: window.start for window in own}
    start = own[-1].start
    for moment in reversed(seen):
        if moment.end > own[-1].end:
            continue
        if alarm_id not in moment.alarms:
            break
        start = starts.get(moment.end, start)
    return start


def _order(history: AlarmHistory) -> tuple[bool, int, float, float, str]:
    return (
        not history.lasts,
        -_RANKS[history.alarm.severity],
        -(history.alarm.impact or 0.0),
        -history.windows[-1].end.timestamp(),
        history.alarm.id,
    )


def strip(history: AlarmHistory, time: TimeAxis) -> Markup:
    """Returns an svg line on which the windows with the alarm are marked."""
    marks = [
        Markup(
            '<rect class="{severity}" x="{x}%" width="{width}%" y="1" height="8">'
            "<title>{about}</title></rect>"
        ).format(
            severity=severity,
            x=time.place(window.start),
            width=round(
                max(time.place(window.end) - time.place(window.start), 0.25), 3
            ),
            about=f"{stretch(window.start, window.end)}: {severity}",
        )
        for window, severity in zip(history.windows, history.severities, strict=True)
    ]
    return Markup(
        '<svg class="strip" role="img" aria-label="{label}" width="100%" '
        'height="{height}"><rect class="track" x="0" width="100%" y="1" height="8"/>'
        "{marks}</svg>"
    ).format(
        label=f"{history.subject}: in {len(history.windows)} windows, last "
        f"{history.when}",
        height=_STRIP_HEIGHT,
        marks=Markup("").join(marks),
    )


def value_in_words(alarm: Alarm) -> str:
    """Returns value and threshold, as percent where they are rates."""
    show = percent if alarm.kind in ("missing", "unknown", "range") else number
    return f"{show(alarm.value)} (alarms from {show(alarm.threshold)})"

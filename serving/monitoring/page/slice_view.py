"""What the page says of each slice: rows, quality, alarms."""

from dataclasses import dataclass
from datetime import datetime

from serving.monitoring.page.alarm_view import AlarmHistory
from serving.monitoring.page.numbers import NOTHING, count, percent
from serving.monitoring.page.quality_charts import in_words
from serving.monitoring.report_format import SEVERITIES, MonitorReport, Window


@dataclass(frozen=True, kw_only=True, slots=True)
class SliceRow:
    """One slice in its newest window.

    Attributes:
        name: Such as "carrier=UA".
        severity: Of its gravest lasting alarm; "" if none.
        rows, share: Rows, and their share of all rows of the time.
        labelled: Rows with labels.
        quality: Newest measured first metric; the estimate, so called, without one.
        alarms: What lasts, in words.
    """

    name: str
    severity: str
    rows: str
    share: str
    labelled: str
    quality: str
    alarms: tuple[str, ...]


def slice_rows(report: MonitorReport, histories: list[AlarmHistory]) -> list[SliceRow]:
    """Returns slices with alarms first, the gravest first, then by rows."""
    newest: dict[str, Window] = {}
    judged: dict[str, Window] = {}
    for window in sorted(report.windows, key=lambda window: window.end):
        newest[window.slice] = window
        if window.quality is not None or window.slice not in judged:
            judged[window.slice] = window
    lasting: dict[str, list[AlarmHistory]] = {}
    for history in histories:
        if history.lasts:
            lasting.setdefault(history.alarm.slice, []).append(history)
    totals = {
        window.end: window.num_rows for window in report.windows if not window.slice
    }
    found = [
        (_row(window, judged[name], lasting.get(name, []), totals), window.num_rows)
        for name, window in newest.items()
        if name
    ]
    found.sort(key=lambda pair: (-_rank(pair[0].severity), -pair[1]))
    return [row for row, _ in found]


def _row(
    window: Window,
    judged: Window,
    alarms: list[AlarmHistory],
    totals: dict[datetime, int],
) -> SliceRow:
    total = totals.get(window.end, 0)
    return SliceRow(
        name=window.slice,
        severity=alarms[0].alarm.severity if alarms else "",
        rows=count(window.num_rows),
        share=percent(window.num_rows / total) if total else NOTHING,
        labelled=count(window.num_labelled),
        quality=_quality(judged, window),
        alarms=tuple(history.alarm.message for history in alarms),
    )


def _quality(judged: Window, newest: Window) -> str:
    if judged.quality is not None and judged.quality.metrics:
        return in_words(judged.quality, next(iter(judged.quality.metrics)))
    if newest.estimate is not None and newest.estimate.metrics:
        first = next(iter(newest.estimate.metrics))
        return f"estimated {in_words(newest.estimate, first)}"
    return NOTHING


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity) if severity else -1

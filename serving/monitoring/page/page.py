"""The page: one HTML file that shows a report, offline, without a script.

It loads nothing and runs nothing: its Content-Security-Policy allows no more than its
own style sheet, by digest. Every value is escaped besides: categories come from
requests, and one may be called <script>.
"""

import base64
import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving.monitoring.alerts.alert_state import AlertState
from serving.monitoring.page import numbers
from serving.monitoring.page.alarm_view import (
    AlarmHistory,
    alarm_histories,
    strip,
    value_in_words,
)
from serving.monitoring.page.feature_view import feature_views, prediction_view
from serving.monitoring.page.slice_view import slice_rows
from serving.monitoring.page.timeline_view import (
    all_rows_windows,
    time_axis,
    timeline_view,
)
from serving.monitoring.page.verdict import verdict
from serving.monitoring.report_format import MonitorReport, Window
from serving.monitoring.whole_file import write_whole

TOP_FEATURES = 6
"""Shown open; the others are folded."""
_TOP_ROWS = 12
_SHOWN_DIGITS = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """How the alerts of one channel fare; see AlertState."""

    channel: str
    delivered: int
    pending: int
    dropped: int
    error: str


def write_page(
    report: MonitorReport, path: Path, alerts: AlertState | None = None
) -> None:
    """Writes the page so that a reader sees the old one or the new one, no half."""
    write_whole(path, render_page(report, alerts).encode())


def render_page(report: MonitorReport, alerts: AlertState | None = None) -> str:
    """Returns the page as HTML text.

    Args:
        report: May hold no window, or 400 of them, 60 features and 30 slices.
        alerts: What was told to whom; None: the page does not speak of it.
    """
    style = _style()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    histories = alarm_histories(report)
    windows = all_rows_windows(report)
    shown = _shown_window(windows)
    text: str = _template().render(
        style=style,
        style_digest=digest,
        report=report,
        verdict=verdict(report, histories),
        windows=windows,
        facts=_facts(report, windows),
        shown=shown,
        timeline=timeline_view(report) if windows else None,
        features=feature_views(shown) if shown else [],
        prediction=prediction_view(shown) if shown else None,
        top_features=TOP_FEATURES,
        top_rows=_TOP_ROWS,
        lasting=_with_strips([one for one in histories if one.lasts], windows),
        past=_with_strips([one for one in histories if not one.lasts], windows),
        slices=slice_rows(report, histories),
        settings=_flat(report.settings),
        deliveries=_deliveries(alerts) if alerts else [],
        set_aside=alerts.set_aside if alerts else (),
        value_in_words=value_in_words,
        show=numbers,
        digest=report.reference.bundle_digest[:_SHOWN_DIGITS],
    )
    return text


def _shown_window(windows: Sequence[Window]) -> Window | None:
    """Returns the newest window that was tested, or else the newest."""
    for window in reversed(windows):
        if any(found.tests for found in window.features):
            return window
    return windows[-1] if windows else None


def _facts(
    report: MonitorReport, windows: Sequence[Window]
) -> list[tuple[str, str, str]]:
    """Returns name, value and remark of what stands in large print."""
    if not windows:
        return []
    newest = windows[-1]
    total = sum(window.num_rows for window in windows)
    labelled = sum(window.num_labelled for window in windows)
    versions = ", ".join(f"v{name}" for name in newest.versions) or numbers.NOTHING
    return [
        ("Rows", numbers.count(newest.num_rows), f"of {numbers.count(total)} shown"),
        (
            "With labels",
            numbers.percent(newest.num_labelled / newest.num_rows)
            if newest.num_rows
            else numbers.NOTHING,
            f"{numbers.percent(labelled / total) if total else numbers.NOTHING} of all",
        ),
        ("Serving", versions, f"compared with v{report.reference.version}"),
        (
            "Windows",
            numbers.count(len(windows)),
            f"{numbers.day(windows[0].start)} to {numbers.day(newest.end)}",
        ),
    ]


def _with_strips(
    histories: Sequence[AlarmHistory], windows: Sequence[Window]
) -> list[tuple[AlarmHistory, Any]]:
    if not windows:
        return [(history, "") for history in histories]
    axis = time_axis(windows)
    return [(history, strip(history, axis)) for history in histories]


def _flat(settings: dict[str, Any], path: str = "") -> list[tuple[str, str]]:
    """Returns dotted names with their values as JSON."""
    found: list[tuple[str, str]] = []
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            found += _flat(value, f"{path}{name}.")
        else:
            found.append((f"{path}{name}", json.dumps(value, ensure_ascii=False)))
    return found


def _deliveries(alerts: AlertState) -> list[Delivery]:
    names = {*alerts.num_delivered, *alerts.pending, *alerts.num_dropped}
    return [
        Delivery(
            channel=name,
            delivered=alerts.num_delivered.get(name, 0),
            pending=len(alerts.pending.get(name, ())),
            dropped=alerts.num_dropped.get(name, 0),
            error=alerts.errors.get(name, ""),
        )
        for name in sorted(names)
    ]


@functools.cache
def _style() -> str:
    path = Path(__file__).parent / "templates" / "monitor.css"
    return path.read_text(encoding="utf-8")


@functools.cache
def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("monitor.html.j2")

"""The page of a replay: one HTML file, offline, without a script.

Looks as the monitor's page does: its style sheet, its charts, and the same strict
Content-Security-Policy.
"""

import base64
import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup

import serving.monitoring.page.page as monitor_page
from benchmarks.year_replayed.year_lanes import draw_lanes, lanes_of
from benchmarks.year_replayed.year_quality import Measure, MonthQuality
from benchmarks.year_replayed.year_rows import midnight
from benchmarks.year_replayed.year_summary import YearSummary
from serving.monitoring.page import numbers
from serving.monitoring.page.time_axis import TimeAxis
from serving.monitoring.page.time_chart import (
    Deployed,
    Point,
    Series,
    TimeChart,
    draw,
)
from serving.monitoring.whole_file import write_whole

_HERE = Path(__file__).parent / "templates"
_METRICS = {
    "auc": ("AUC", "how well late flights are told from others; higher is better"),
    "log_loss": ("Log loss", "nats a flight; lower is better"),
    "calibration": ("Calibration", "mean probability by share late; 1 is right"),
}
_YEAR = 2013


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """A chart with its caption."""

    chart: TimeChart
    svg: Markup


def write_year_page(summary: YearSummary, path: Path) -> None:
    """Writes the page, whole or not at all."""
    write_whole(path, render_year_page(summary).encode())


def render_year_page(summary: YearSummary) -> str:
    """Returns the page as HTML text."""
    style = _style()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    first, last = _ends(summary)
    time = TimeAxis(start=midnight(first), end=midnight(last))
    lanes = lanes_of(summary.record, last)
    text: str = _template().render(
        style=style,
        style_digest=digest,
        summary=summary,
        record=summary.record,
        headline=_headline(summary),
        facts=_facts(summary),
        lanes=draw_lanes(lanes, time),
        figures=_figures(summary, time),
        rows=[_cells(one) for one in (*summary.months, summary.mean)],
        events=[one for one in summary.record.events if one.kind != "alarm"],
        month_name=month_name,
        measured=measured,
        show=numbers,
    )
    return text


def _ends(summary: YearSummary) -> tuple[date, date]:
    months = [one.month for one in summary.months]
    after = max(months) + 1
    last = date(_YEAR + 1, 1, 1) if after > 12 else date(_YEAR, after, 1)  # noqa: PLR2004 - December
    return date(_YEAR, min(months), 1), last


def _headline(summary: YearSummary) -> str:
    gain = summary.mean.gain["auc"]
    caught = sum(fault.is_caught for fault in summary.record.faults)
    better = "better than" if gain.low > 0 else "not proven better than"
    if gain.value <= 0:
        better = "no better than"
    return (
        f"Renewed models were {better} the one never renewed, and {caught} of "
        f"{len(summary.record.faults)} planted faults were caught and undone"
    )


def _facts(summary: YearSummary) -> list[tuple[str, str, str]]:
    record, mean = summary.record, summary.mean
    promoted = sum(one.verdict == "promote" for one in record.rollouts)
    back = sum(one.verdict == "rollback" for one in record.rollouts)
    delivered = record.num_alerts.get("webhook", 0)
    return [
        ("AUC, renewed", *_value_and_range(mean.renewed["auc"])),
        ("AUC, never renewed", *_value_and_range(mean.never["auc"])),
        ("Difference", *_value_and_range(mean.gain["auc"], "+.4f")),
        ("Rows served", f"{record.num_rows:,}", f"in {record.num_requests:,} requests"),
        (
            "Rollouts",
            f"{len(record.rollouts)}",
            f"{promoted} promoted, {back} rolled back",
        ),
        (
            "Alerts sent",
            f"{delivered:,}",
            f"{summary.num_alarmed} of {summary.num_windows} days had a warning",
        ),
    ]


def _value_and_range(measure: Measure, form: str = ".3f") -> tuple[str, str]:
    return f"{measure.value:{form}}", _range(measure, form)


def _range(measure: Measure, form: str = ".3f") -> str:
    return f"{measure.low:{form}} to {measure.high:{form}}"


def measured(measure: Measure, form: str = ".3f") -> str:
    """Returns "0.712 (0.702 to 0.722)"."""
    return f"{measure.value:{form}} ({_range(measure, form)})"


def month_name(month: int) -> str:
    """Returns "April"; "mean" for 0."""
    return "mean" if not month else f"{date(_YEAR, month, 1):%B}"


def _cells(one: MonthQuality) -> dict[str, Any]:
    versions = ", ".join(f"v{name} {count:,}" for name, count in one.versions.items())
    return {
        "month": month_name(one.month),
        "rows": f"{one.num_rows:,}",
        "late": f"{one.late_share * 100:.1f} %",
        "auc": _compared(one, "auc"),
        "log_loss": _compared(one, "log_loss"),
        "calibration": (
            f"{one.renewed['calibration'].value:.2f}",
            f"{one.never['calibration'].value:.2f}",
        ),
        "versions": versions if one.month else "",
    }


def _compared(one: MonthQuality, name: str) -> tuple[str, str, str]:
    values = one.renewed[name].value, one.never[name].value
    gain = measured(one.gain[name], "+.3f")
    return f"{values[0]:.3f}", f"{values[1]:.3f}", gain


def _figures(summary: YearSummary, time: TimeAxis) -> list[Figure]:
    deployed = [
        Deployed(time=midnight(event.day), label=event.title)
        for event in summary.record.of_kind("deployed")
    ]
    charts = [_metric_chart(summary, name) for name in _METRICS]
    charts.append(_late_chart(summary))
    return [
        Figure(chart=chart, svg=draw(chart, time, deployed, f"year-{place}"))
        for place, chart in enumerate(charts)
    ]


def _metric_chart(summary: YearSummary, name: str) -> TimeChart:
    title, note = _METRICS[name]

    def series(label: str, style: str, of: Callable[[MonthQuality], Measure]) -> Series:
        return Series(
            name=label,
            style=style,
            points=tuple(
                _point(one.month, of(one), f"{label}: {measured(of(one))}")
                for one in summary.months
            ),
        )

    return TimeChart(
        name=title,
        description=f"{title} by month, of the renewed models and of the first one.",
        series=(
            series("renewed", "s0", lambda one: one.renewed[name]),
            series("never renewed", "s1", lambda one: one.never[name]),
        ),
        level=1.0 if name == "calibration" else None,
        level_name="right on average",
        note=note,
    )


def _late_chart(summary: YearSummary) -> TimeChart:
    points = tuple(
        _point(
            one.month,
            Measure(value=one.late_share, low=one.late_share, high=one.late_share),
            f"late: {one.late_share * 100:.1f} %",
        )
        for one in summary.months
    )
    return TimeChart(
        name="Late flights",
        description="Share of late flights by month.",
        series=(
            Series(name="share late", style="s-light", points=points, is_bars=True),
        ),
        unit="share",
        from_zero=True,
        note="what the models have to keep up with",
    )


def _point(month: int, measure: Measure, about: str) -> Point:
    start, end = _month_ends(month)
    is_exact = measure.low == measure.high
    return Point(
        start=start,
        end=end,
        value=measure.value,
        low=None if is_exact else measure.low,
        high=None if is_exact else measure.high,
        about=about,
    )


def _month_ends(month: int) -> tuple[datetime, datetime]:
    after = date(_YEAR + month // 12, month % 12 + 1, 1)
    return midnight(date(_YEAR, month, 1)), midnight(after)


@functools.cache
def _style() -> str:
    shared = Path(monitor_page.__file__).parent / "templates" / "monitor.css"
    own = _HERE / "year.css"
    return "".join(path.read_text(encoding="utf-8") for path in (shared, own))


@functools.cache
def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("year.html.j2")

"""What the page shows over time: quality, rates, impact and rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from serving.monitoring.page.feature_charts import impact_charts, rate_charts
from serving.monitoring.page.numbers import (
    NOTHING,
    count,
    number,
    percent,
    stretch,
)
from serving.monitoring.page.quality_charts import quality_charts
from serving.monitoring.page.time_axis import TimeAxis
from serving.monitoring.page.time_chart import (
    Deployed,
    Point,
    Series,
    TimeChart,
    draw,
)
from serving.monitoring.report_format import (
    MonitorReport,
    Window,
)

_LEFT = 8.0
"""Percent of a chart's width, for the values' marks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChartView:
    """A chart with what stands around it."""

    chart: TimeChart
    svg: Markup


@dataclass(frozen=True, kw_only=True, slots=True)
class TimelineView:
    """All charts, and their numbers as one table.

    Attributes:
        charts: In the order of the page.
        columns: Of the table, after the window's.
        rows: A window's name and its cells.
    """

    charts: tuple[ChartView, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


def all_rows_windows(report: MonitorReport) -> list[Window]:
    """Returns the windows of all rows in order of time."""
    found = [window for window in report.windows if window.slice == ""]
    return sorted(found, key=lambda window: window.start)


def time_axis(windows: Sequence[Window], left: float = 0.5) -> TimeAxis:
    """Returns the axis from the first window to the last; at least one is needed.

    Args:
        windows: In order of time.
        left: Percent of the width before it.
    """
    return TimeAxis(
        start=windows[0].start,
        end=max(window.end for window in windows),
        left=left,
    )


def timeline_view(report: MonitorReport) -> TimelineView:
    """Returns the charts over the windows of all rows; there is at least one."""
    windows = all_rows_windows(report)
    charts = [
        *quality_charts(windows),
        *rate_charts(windows),
        *impact_charts(windows),
        _rows_chart(windows),
    ]
    axis = time_axis(windows, _LEFT)
    deployed = [
        Deployed(time=entry.time, label=f"v{entry.version}")
        for entry in report.deployments
        if entry.time >= windows[0].end or entry.time < windows[0].start
    ]
    return TimelineView(
        charts=tuple(
            ChartView(chart=chart, svg=draw(chart, axis, deployed, f"t{place}"))
            for place, chart in enumerate(charts)
        ),
        columns=tuple(
            f"{chart.name}: {series.name}"
            for chart in charts
            for series in chart.series
        ),
        rows=_table(windows, charts),
    )


def _rows_chart(windows: Sequence[Window]) -> TimeChart:
    def bars(name: str, style: str, amount: Callable[[Window], int]) -> Series:
        shown = tuple(
            Point(
                start=window.start,
                end=window.end,
                value=float(amount(window)),
                about=f"{count(amount(window))} {name}",
            )
            for window in windows
        )
        return Series(name=name, style=style, points=shown, is_bars=True)

    return TimeChart(
        name="Rows",
        description="Predictions in each window, and those whose labels have come.",
        series=(
            bars("predictions", "s-light", lambda window: window.num_rows),
            bars("with labels", "s0", lambda window: window.num_labelled),
        ),
        from_zero=True,
    )


def _table(
    windows: Sequence[Window], charts: Sequence[TimeChart]
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    by_series = [
        {(point.start, point.end): _cell(point, chart) for point in series.points}
        for chart in charts
        for series in chart.series
    ]
    return tuple(
        (
            stretch(window.start, window.end),
            tuple(
                found.get((window.start, window.end), NOTHING) for found in by_series
            ),
        )
        for window in windows
    )


def _cell(point: Point, chart: TimeChart) -> str:
    show = percent if chart.unit == "share" else number
    text = show(point.value)
    if point.low is None or point.high is None:
        return text
    return f"{text} ({show(point.low)} to {show(point.high)})"

"""Charts of quality over time: measured, and estimated without labels."""

from collections.abc import Iterable, Sequence

from serving.monitoring.page.numbers import count, metric
from serving.monitoring.page.time_chart import Point, Series, TimeChart
from serving.monitoring.report_format import Alarm, AlarmKind, Quality, Window

METRIC_NAMES = {
    "auc": "AUC",
    "log_loss": "Log loss",
    "calibration": "Calibration (mean prediction by mean label)",
}


def metric_of(alarm: Alarm) -> str:
    """Returns the metric that an alarm of quality is about: it is part of its id."""
    _, _, rest = alarm.id.partition(":")
    return rest.partition(":")[0]


def metric_name(name: str) -> str:
    """Returns a metric's name in few words."""
    return METRIC_NAMES.get(name, name).partition(" (")[0]


def quality_charts(windows: Sequence[Window]) -> Iterable[TimeChart]:
    """Yields one chart a metric that any window has."""
    found = [
        quality.metrics
        for window in windows
        for quality in (window.quality, window.estimate)
        if quality is not None
    ]
    known = {name for metrics in found for name in metrics}
    for name in [*METRIC_NAMES, *sorted(known - METRIC_NAMES.keys())]:
        measured = _quality_points(windows, name, is_estimate=False)
        estimated = _quality_points(windows, name, is_estimate=True)
        series = []
        if measured:
            series.append(Series(name="measured", style="s0", points=measured))
        if estimated:
            series.append(
                Series(
                    name="estimated, without labels", style="estimate", points=estimated
                )
            )
        if series:
            title = METRIC_NAMES.get(name, name)
            yield TimeChart(
                name=title,
                description=f"{title} in each window with its interval.",
                series=tuple(series),
                level=1.0 if name == "calibration" else None,
                level_name="1: as many as predicted",
            )


def _quality_points(
    windows: Sequence[Window], name: str, *, is_estimate: bool
) -> tuple[Point, ...]:
    kind: AlarmKind = "estimate" if is_estimate else "quality"
    found = []
    for window in windows:
        quality = window.estimate if is_estimate else window.quality
        measured = quality.metrics.get(name) if quality is not None else None
        if quality is None or measured is None or measured.value is None:
            continue
        about = f"{kind}: {in_words(quality, name)}"
        found.append(
            Point(
                start=window.start,
                end=window.end,
                value=measured.value,
                low=measured.low,
                high=measured.high,
                about=about,
                severity=_metric_severity(window, kind, name),
            )
        )
    return tuple(found)


def in_words(quality: Quality, name: str) -> str:
    """Returns "AUC 0.712 (0.690 to 0.733), 812 rows"; the metric must be there."""
    measured = quality.metrics[name]
    text = f"{metric_name(name)} {metric(measured.value)}"
    if measured.low is not None and measured.high is not None:
        text += f" ({metric(measured.low)} to {metric(measured.high)})"
    return f"{text}, {count(quality.num_rows)} rows"


def _metric_severity(window: Window, kind: AlarmKind, name: str) -> str:
    for alarm in window.alarms:
        if alarm.kind == kind and metric_of(alarm) == name:
            return alarm.severity
    return ""

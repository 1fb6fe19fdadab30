"""Charts of rates and of impact over time, of the features that moved most."""

from collections.abc import Callable, Iterable, Sequence

from serving.monitoring.page.numbers import number, percent, points
from serving.monitoring.page.time_chart import Point, Series, TimeChart
from serving.monitoring.report_format import AlarmKind, FeatureFinding, Window

_MOST_LINES = 3
_SMALLEST = 0.001
"""A rate or impact that never moves by more is not drawn."""

Rate = Callable[[FeatureFinding], float | None]


def rate_charts(windows: Sequence[Window]) -> Iterable[TimeChart]:
    """Yields unknown, missing and impossible values, if any feature has some."""
    rates: tuple[tuple[AlarmKind, str, Rate, Rate], ...] = (
        (
            "unknown",
            "Unknown values",
            lambda found: found.unknown_rate,
            lambda found: found.reference_unknown_rate,
        ),
        (
            "missing",
            "Missing values",
            lambda found: found.missing_rate,
            lambda found: found.reference_missing_rate,
        ),
        (
            "range",
            "Values outside the range",
            lambda found: found.out_of_range_rate,
            lambda _: 0.0,
        ),
    )
    for kind, title, rate, reference in rates:
        series = _most_moved(windows, kind, rate, reference, percent)
        if series:
            yield TimeChart(
                name=title,
                description=f"{title}: share in each window of the features that "
                "moved most.",
                series=series,
                unit="share",
                from_zero=True,
                note="the features that moved most",
            )


def impact_charts(windows: Sequence[Window]) -> Iterable[TimeChart]:
    """Yields the impact of drift, and how far the mean prediction moved."""
    series = _most_moved(
        windows, "drift", lambda found: found.impact, lambda _: 0.0, number
    )
    if series:
        yield TimeChart(
            name="Impact of drift",
            description="How far each feature's change moves predictions at most.",
            series=series,
            from_zero=True,
            note="how far predictions move at most",
        )
    shifts = tuple(
        Point(
            start=window.start,
            end=window.end,
            value=window.prediction.mean_shift,
            about=f"mean prediction {points(window.prediction.mean_shift)} points",
            severity=_severity(window, "prediction", None),
        )
        for window in windows
        if window.prediction is not None and window.prediction.mean_shift is not None
    )
    if shifts:
        yield TimeChart(
            name="Shift of the mean prediction",
            description="Mean prediction of each window less the reference's.",
            series=(Series(name="shift", style="s0", points=shifts),),
            unit="share",
            level=0.0,
            level_name="0: as in the reference",
        )


def _most_moved(
    windows: Sequence[Window],
    kind: AlarmKind,
    rate: Rate,
    reference: Rate,
    show: Callable[[float | None], str],
) -> tuple[Series, ...]:
    """Returns the features whose rate went farthest from the reference's, at most 3."""
    moved: dict[str, float] = {}
    for window in windows:
        for found in window.features:
            value = rate(found)
            if value is not None:
                away = abs(value - (reference(found) or 0.0))
                moved[found.feature] = max(away, moved.get(found.feature, 0.0))
    names = sorted(moved, key=lambda name: -moved[name])[:_MOST_LINES]
    return tuple(
        Series(
            name=name,
            style=f"s{place}",
            points=_feature_points(windows, name, kind, rate, show),
        )
        for place, name in enumerate(names)
        if moved[name] >= _SMALLEST
    )


def _feature_points(
    windows: Sequence[Window],
    name: str,
    kind: AlarmKind,
    rate: Rate,
    show: Callable[[float | None], str],
) -> tuple[Point, ...]:
    return tuple(
        Point(
            start=window.start,
            end=window.end,
            value=value,
            about=f"{name} {show(value)}",
            severity=_severity(window, kind, name),
        )
        for window in windows
        for found in window.features
        if found.feature == name and (value := rate(found)) is not None
    )


def _severity(window: Window, kind: AlarmKind, feature: str | None) -> str:
    for alarm in window.alarms:
        if alarm.kind == kind and feature in (None, alarm.feature):
            return alarm.severity
    return ""

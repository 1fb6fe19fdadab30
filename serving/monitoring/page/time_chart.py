"""One chart over time, as SVG: lines with intervals, bars, deployments.

Drawn by hand and not by Matplotlib: across it counts in percent and down in pixels, so
that it fits a telephone and keeps its letters' size; colours are CSS classes, so that
light and dark need one picture; and each point says its numbers under the pointer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from markupsafe import Markup

from serving.monitoring.page.numbers import stretch
from serving.monitoring.page.time_axis import TimeAxis
from serving.monitoring.page.value_axis import ValueAxis, value_axis

_TOP, _HEIGHT, _BOTTOM = 18.0, 92.0, 20.0
_SOME_POINTS, _MANY_POINTS = 40, 120
_NEAR_PERCENT = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One window's value.

    Attributes:
        start, end: Of the window.
        value: Where it lies.
        low, high: Its interval; None: there is none.
        about: Under the pointer, such as "AUC 0.71 (0.69 to 0.73)".
        severity: Of the alarm it raised; "" if none.
    """

    start: datetime
    end: datetime
    value: float
    low: float | None = None
    high: float | None = None
    about: str = ""
    severity: str = ""

    @property
    def middle(self) -> datetime:
        """The middle of the window."""
        return self.start + (self.end - self.start) / 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """Values of one kind.

    Attributes:
        name: For the legend.
        style: A CSS class: s0, s1, … or "estimate".
        points: In order of time.
        is_bars: Whether each is a bar from 0.
    """

    name: str
    style: str
    points: tuple[Point, ...]
    is_bars: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeChart:
    """What one chart shows.

    Attributes:
        name: Its title.
        description: For those who cannot see it.
        series: At least one.
        unit: "share" for rates, which are marked in percent; "" otherwise.
        from_zero: Whether the values' axis begins at 0.
        level: A value to compare with, such as the reference's; None: none.
        level_name: What it is.
        note: Shown beside the title.
    """

    name: str
    description: str
    series: tuple[Series, ...]
    unit: str = ""
    from_zero: bool = False
    level: float | None = None
    level_name: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployed:
    """A vertical line.

    Attributes:
        time: When.
        label: Such as "v3".
    """

    time: datetime
    label: str = field(default="")


def draw(
    chart: TimeChart, time: TimeAxis, deployed: Sequence[Deployed], chart_id: str
) -> Markup:
    """Returns an svg element.

    Args:
        chart: What to show.
        time: The same for all charts of a page.
        deployed: Vertical lines; those outside the axis are left out.
        chart_id: Unique on the page.
    """
    values = value_axis(
        _extent(chart), height=_HEIGHT, top=_TOP, from_zero=chart.from_zero
    )
    parts = [
        *_ground(chart, time, values),
        *_deployments(time, deployed),
        *(part for series in chart.series for part in _series(series, time, values)),
        *_hovers(chart, time),
    ]
    return Markup(
        '<svg class="chart" role="img" aria-labelledby="{id}-t {id}-d" width="100%" '
        'height="{height}"><title id="{id}-t">{name}</title>'
        '<desc id="{id}-d">{description}</desc>{parts}</svg>'
    ).format(
        id=chart_id,
        height=_TOP + _HEIGHT + _BOTTOM,
        name=chart.name,
        description=chart.description,
        parts=Markup("").join(parts),
    )


def _extent(chart: TimeChart) -> Iterator[float]:
    for series in chart.series:
        for point in series.points:
            for value in (point.value, point.low, point.high):
                if value is not None:
                    yield value
    if chart.level is not None:
        yield chart.level


def _ground(chart: TimeChart, time: TimeAxis, values: ValueAxis) -> Iterator[Markup]:
    for mark in values.marks():
        height = values.place(mark)
        label = _mark(mark, chart.unit)
        yield Markup(
            '<line class="grid" x1="0" x2="100%" y1="{y}" y2="{y}"/>'
            '<text class="mark" x="0" y="{above}">{label}</text>'
        ).format(y=height, above=round(height - 3, 1), label=label)
    bottom = values.top + values.height
    for tick in time.ticks():
        anchor = "start" if tick.place < 4 else "end" if tick.place > 96 else "middle"  # noqa: PLR2004 - percent
        yield Markup(
            '<line class="tick" x1="{x}%" x2="{x}%" y1="{y}" y2="{to}"/>'
            '<text class="tick-label {anchor}" x="{x}%" y="{below}">{label}</text>'
        ).format(
            x=tick.place,
            y=bottom,
            to=bottom + 4,
            below=bottom + 16,
            anchor=anchor,
            label=tick.label,
        )
    if chart.level is not None:
        yield Markup(
            '<line class="level" x1="0" x2="100%" y1="{y}" y2="{y}">'
            "<title>{name}</title></line>"
        ).format(y=values.place(chart.level), name=chart.level_name)


def _mark(value: float, unit: str) -> str:
    """Returns a label that fits the margin: 30 %, 0.7, 6k, 1.5M."""
    if unit == "share":
        return f"{value * 100:.4g} %"
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:.6g}"


def _deployments(time: TimeAxis, deployed: Sequence[Deployed]) -> Iterator[Markup]:
    last = -_NEAR_PERCENT
    for entry in deployed:
        if not time.start < entry.time < time.end:
            continue
        place = time.place(entry.time)
        yield Markup(
            '<line class="deployed" x1="{x}%" x2="{x}%" y1="12" y2="{to}">'
            "<title>{label} deployed</title></line>"
        ).format(x=place, to=_TOP + _HEIGHT, label=entry.label)
        if place - last >= _NEAR_PERCENT:
            last = place
            yield Markup(
                '<text class="deployed-label" x="{x}%" y="10">{label}</text>'
            ).format(x=place, label=entry.label)


def _series(series: Series, time: TimeAxis, values: ValueAxis) -> Iterator[Markup]:
    if series.is_bars:
        yield from (_bar(point, series, time, values) for point in series.points)
        return
    is_dense = len(series.points) > _MANY_POINTS
    yield _stretched(series, time, values)
    for point in series.points:
        if not is_dense or point.severity:
            yield from _whisker(point, series, time, values)
            yield _dot(point, series, time, values)


def _stretched(series: Series, time: TimeAxis, values: ValueAxis) -> Markup:
    """Draws line and band in an svg of its own, stretched to the plot's width."""
    shapes = [
        Markup('<polyline class="line" points="{0}"/>').format(
            _pairs(run, time, values)
        )
        for run in _runs(series.points)
    ]
    if len(series.points) > _MANY_POINTS:
        shapes += [
            Markup('<polygon class="band" points="{0}"/>').format(
                _outline(run, time, values)
            )
            for run in _runs(series.points)
            if all(point.low is not None for point in run)
        ]
    return Markup(
        '<svg class="{style}" width="100%" height="{height}" '
        'viewBox="0 0 100 {height}" preserveAspectRatio="none">{shapes}</svg>'
    ).format(
        style=series.style,
        height=_TOP + _HEIGHT + _BOTTOM,
        shapes=Markup("").join(shapes),
    )


def _runs(points: Sequence[Point]) -> list[list[Point]]:
    """Splits where windows are missing, so that no line runs over what is unknown."""
    if not points:
        return []
    runs = [[points[0]]]
    for before, point in pairwise(points):
        is_gap = point.start - before.end > (before.end - before.start) * 0.5
        if is_gap:
            runs.append([])
        runs[-1].append(point)
    return runs


def _pairs(run: Sequence[Point], time: TimeAxis, values: ValueAxis) -> str:
    return " ".join(
        f"{time.place(point.middle):g},{values.place(point.value):g}" for point in run
    )


def _outline(run: Sequence[Point], time: TimeAxis, values: ValueAxis) -> str:
    def edge(points: Sequence[Point], name: str) -> list[str]:
        return [
            f"{time.place(point.middle):g},{values.place(getattr(point, name)):g}"
            for point in points
        ]

    return " ".join([*edge(run, "high"), *edge(run[::-1], "low")])


def _whisker(
    point: Point, series: Series, time: TimeAxis, values: ValueAxis
) -> Iterator[Markup]:
    if point.low is None or point.high is None:
        return
    yield Markup(
        '<line class="whisker {style}" x1="{x}%" x2="{x}%" y1="{low}" y2="{high}"/>'
    ).format(
        style=series.style,
        x=time.place(point.middle),
        low=values.place(point.low),
        high=values.place(point.high),
    )


def _dot(point: Point, series: Series, time: TimeAxis, values: ValueAxis) -> Markup:
    return Markup(
        '<circle class="dot {style} {severity}" cx="{x}%" cy="{y}" r="{r}"/>'
    ).format(
        style=series.style,
        severity=point.severity,
        x=time.place(point.middle),
        y=values.place(point.value),
        r=_radius(len(series.points), is_alarmed=bool(point.severity)),
    )


def _radius(num_points: int, *, is_alarmed: bool) -> float:
    """Returns pixels: points that stand close together are small."""
    if num_points > _MANY_POINTS:
        return 2.2
    if num_points > _SOME_POINTS:
        return 3.2 if is_alarmed else 2.0
    return 4.5 if is_alarmed else 3.0


def _bar(point: Point, series: Series, time: TimeAxis, values: ValueAxis) -> Markup:
    left, right = time.place(point.start), time.place(point.end)
    gap = (right - left) * 0.12
    top = values.place(point.value)
    return Markup(
        '<rect class="bar {style}" x="{x}%" width="{width}%" y="{y}" '
        'height="{height}"/>'
    ).format(
        style=series.style,
        x=round(left + gap / 2, 3),
        width=round(max(right - left - gap, 0.05), 3),
        y=top,
        height=round(values.place(0) - top, 1),
    )


def _hovers(chart: TimeChart, time: TimeAxis) -> Iterator[Markup]:
    """Says every series' numbers wherever the pointer is within a window."""
    windows: dict[tuple[datetime, datetime], list[str]] = {}
    for series in chart.series:
        for point in series.points:
            windows.setdefault((point.start, point.end), []).append(point.about)
    for (start, end), about in windows.items():
        left, right = time.place(start), time.place(end)
        yield Markup(
            '<rect class="hover" x="{x}%" width="{width}%" y="0" height="{height}">'
            "<title>{when}\n{about}</title></rect>"
        ).format(
            x=left,
            width=round(right - left, 3),
            height=_TOP + _HEIGHT,
            when=stretch(start, end),
            about="\n".join(about),
        )

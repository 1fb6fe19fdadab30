"""The charts of a bench: scenarios, nodes, and growth with the rows."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, LogLocator, NullLocator

from benchmarks.chart_style import BLUE, GREEN, GREY, HALO, VERMILLION, new_chart
from benchmarks.speed_limits import Figures, peak_bytes, wall_s
from benchmarks.speed_result import COLD, OURS, RIVALS, SCENARIOS, SCRIPT, STOCK, Result

_COLOURS = {OURS: BLUE, STOCK: VERMILLION, SCRIPT: GREEN}
_MARKS = {OURS: "o", STOCK: "s", SCRIPT: "^"}
_BAR_IN, _LINES_IN = 0.21, 3.8
_SHORTEST_BAR_S = 1.0
_WHOLE_FROM = 99.95
_LABEL_SHARE = 0.06
"""Height of a label as a share of the y axis of a line chart."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Bar:
    """Name and seconds of a bar, and whose it is; one second a repeat, not empty."""

    name: str
    rival: str
    values: Sequence[float]


def build_charts(figures: Figures) -> dict[str, Figure]:
    """Draws the charts by kind: wall; nodes, rows and memory where measured.

    Args:
        figures: At least one result at the rows of 2013.

    Returns:
        Pictures for `to_svg`: bars from zero, of the medians, with a line from the
        smallest to the largest value; growth over logarithmic axes.
    """
    charts = {
        "wall": _draw_bars("Wall time of the whole process", _scenario_bars(figures))
    }
    if nodes := _node_bars(figures):
        charts["nodes"] = _draw_bars("A cold run, node by node", nodes)
    if figures.scales() != [1]:
        charts["rows"] = _draw_lines(
            "Wall time of a cold run", "s", _points(figures, wall_s)
        )
        charts["memory"] = _draw_lines(
            "Peak memory of a cold run",
            "GB",
            _points(figures, lambda result: peak_bytes(result) / 1e9),
        )
    return charts


def _scenario_bars(figures: Figures) -> dict[str, list[_Bar]]:
    groups = {
        scenario: [
            _Bar(name=rival, rival=rival, values=[wall_s(result) for result in found])
            for rival in RIVALS
            if (found := figures.of(rival, scenario))
        ]
        for scenario in SCENARIOS
    }
    return {scenario: bars for scenario, bars in groups.items() if bars}


def _node_bars(figures: Figures) -> dict[str, list[_Bar]]:
    """Returns each rival's nodes that took long enough to be seen."""
    groups = {}
    for rival in RIVALS:
        walls: dict[str, list[float]] = {}
        for result in figures.of(rival, COLD):
            for node in result.nodes:
                walls.setdefault(node.node_id, []).append(node.wall_s)
        bars = [
            _Bar(name=node, rival=rival, values=values)
            for node, values in walls.items()
            if statistics.median(values) >= _SHORTEST_BAR_S
        ]
        if bars:
            groups[rival] = bars
    return groups


def _draw_bars(title: str, groups: Mapping[str, Sequence[_Bar]]) -> Figure:
    """Draws a panel a group, one above the other on one axis of seconds."""
    sizes = [len(bars) for bars in groups.values()]
    height = _BAR_IN * sum(sizes) + 0.3 * len(sizes) + 0.9
    with new_chart(title, height) as chart:
        panels = chart.subplots(
            len(sizes), sharex=True, squeeze=False, height_ratios=sizes
        )[:, 0]
        for axes, (group, bars) in zip(panels, groups.items(), strict=True):
            axes.set_title(group)
            _draw_panel(axes, bars)
            axes.spines["bottom"].set_visible(False)
            axes.tick_params(axis="x", length=0, labelbottom=False)
        last = panels[-1]
        last.spines["bottom"].set_visible(True)
        last.tick_params(axis="x", length=3, labelbottom=True)
        last.set_xlabel("seconds (bar: median; line: smallest to largest)")
        longest = max(max(bar.values) for bars in groups.values() for bar in bars)
        last.set_xlim(0, 1.15 * longest)
    return chart


def _draw_panel(axes: Axes, bars: Sequence[_Bar]) -> None:
    for place, bar in enumerate(bars):
        middle, high = statistics.median(bar.values), max(bar.values)
        axes.barh(place, middle, height=0.72, color=_COLOURS[bar.rival])
        if min(bar.values) < high:
            axes.hlines(place, min(bar.values), high, color=GREY, path_effects=[HALO])
        axes.annotate(
            f"{_three_figures(middle)} s", (max(middle, high), place), (4, 0),
            textcoords="offset points", verticalalignment="center",
        )  # fmt: skip
    axes.set_yticks(range(len(bars)), [bar.name for bar in bars])
    axes.set_ylim(len(bars) - 0.5, -0.5)


_Points = Mapping[str, Sequence[tuple[float, float]]]


def _points(figures: Figures, figure: Callable[[Result], float]) -> _Points:
    """Returns (times the rows, median figure) by rival, in order of rows."""
    points = {
        rival: [
            (float(scale), statistics.median(map(figure, found)))
            for scale in figures.scales()
            if (found := figures.of(rival, COLD, scale))
        ]
        for rival in RIVALS
    }
    return {rival: found for rival, found in points.items() if found}


def _draw_lines(title: str, unit: str, lines: _Points) -> Figure:
    """Draws lines over logarithmic axes: growth in proportion is a slope of one."""
    with new_chart(title, _LINES_IN) as chart:
        axes = chart.subplots()
        scales = sorted({x for points in lines.values() for x, _ in points})
        values = [y for points in lines.values() for _, y in points]
        axes.set_xscale("log")
        axes.set_yscale("log")
        # A factor of four or more holds at least one of the ticks at 1, 2 and 5.
        axes.set_ylim(min(values) / 2, max(values) * 2)
        axes.set_xlim(scales[0] / 1.15, scales[-1] * 1.05)
        axes.grid(axis="y")
        axes.set_axisbelow(True)
        axes.xaxis.set_major_locator(FixedLocator(scales))
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_minor_locator(NullLocator())
            axis.set_major_formatter("{x:g}")
        axes.set_xlabel("times the rows of 2013")
        axes.set_ylabel(unit, rotation=0)
        for rival, points in lines.items():
            axes.plot(
                *zip(*points, strict=True), _MARKS[rival] + "-", c=_COLOURS[rival]
            )
        _label_ends(axes, unit, lines)
    return chart


def _label_ends(axes: Axes, unit: str, lines: _Points) -> None:
    """Writes name and value behind each line, none over another."""
    low, high = axes.get_ylim()
    gap = (high / low) ** _LABEL_SHARE
    free_from: dict[float, float] = {}
    ends = sorted((*points[-1], rival) for rival, points in lines.items())
    for x, y, rival in ends:
        place = max(y, free_from.get(x, 0))
        free_from[x] = place * gap
        axes.annotate(
            f"{rival} {_three_figures(y)} {unit}", (x, place), (8, 0),
            textcoords="offset points", verticalalignment="center",
            annotation_clip=False,
        )  # fmt: skip


def _three_figures(value: float) -> str:
    """Returns three figures, or all in front of the point."""
    return f"{value:,.0f}" if value >= _WHOLE_FROM else f"{value:#.3g}"

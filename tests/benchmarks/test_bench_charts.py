"""Charts of results whose figures are known."""

import itertools
import xml.etree.ElementTree as ET

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.text import Annotation, Text

from benchmarks.bench_charts import build_charts
from benchmarks.chart_style import to_svg
from benchmarks.speed_limits import Figures

GB = 10**9
SVG = "{http://www.w3.org/2000/svg}"
LIGHT, DARK = "#ffffff", "#0d1117"
NODES = [("transform", "done", 9.0), ("pusher", "done", 0.9)]


@pytest.fixture(scope="module")
def results(make_result):
    def result(rival, wall_s, gigabytes=1.0, nodes=NODES, **rest):
        case = {"rival": rival, "scenario": "cold", **rest}
        return make_result(case, wall_s, gigabytes * GB, nodes)

    return [
        result("slipway", 60.0, 0.9),
        result("slipway", 50.0, 0.9, repeat=2),
        result("slipway", 90.0, 0.9, repeat=3),
        result("stock TFX", 240.0, 2.0),
        result("plain script", 25.0, nodes=[]),
        result("slipway", 2.5, scenario="unchanged"),
        # Three lines that end in nearly one point, at the top of the chart.
        result("slipway", 500.0, 3.0, scale=10),
        result("stock TFX", 501.0, 3.0, scale=10),
        result("plain script", 502.0, 3.01, scale=10),
    ]


@pytest.fixture(scope="module")
def charts(results):
    return build_charts(Figures(results))


def texts(chart):
    """Returns what the drawn chart shows as text, and where, in pixels."""
    renderer = FigureCanvasAgg(chart).get_renderer()
    chart.draw(renderer)
    found = chart.findobj(lambda artist: isinstance(artist, Text))
    shown = [text for text in found if text.get_text() and text.get_visible()]
    # Ticks beyond the ends of an axis exist, but are not drawn: only labels count here.
    labels = [
        text
        for text in shown
        if isinstance(text, Annotation)
        or text.get_text() in {"slipway", "stock TFX", "transform", "cold"}
        or text.get_text() == chart.get_suptitle()
    ]
    return [(text.get_text(), text.get_window_extent(renderer)) for text in labels]


def test_each_bar_is_as_long_as_its_median(charts):
    cold, unchanged = charts["wall"].axes
    assert [bar.get_width() for bar in cold.patches] == [60, 240, 25]
    assert [bar.get_width() for bar in unchanged.patches] == [2.5]
    assert cold.get_xlim() == unchanged.get_xlim() == (0, pytest.approx(1.15 * 240))


def test_the_spread_goes_from_the_smallest_to_the_largest(charts):
    cold, _ = charts["wall"].axes
    (spread,) = cold.collections
    assert spread.get_segments()[0].tolist() == [[50, 0], [90, 0]]


def test_every_bar_has_its_seconds_behind_it(charts):
    words = [text for text, _ in texts(charts["wall"])]
    assert {"60.0 s", "240 s", "25.0 s", "2.50 s"} <= set(words)


def test_nodes_too_short_to_be_seen_have_no_bar(charts):
    ours, stock = charts["nodes"].axes
    for axes in (ours, stock):
        assert [bar.get_width() for bar in axes.patches] == [9]


def test_lines_go_through_the_medians(charts):
    ours, _, _ = charts["rows"].axes[0].lines
    assert ours.get_xydata().tolist() == [[1, 60], [10, 500]]
    ours, _, _ = charts["memory"].axes[0].lines
    assert ours.get_xydata().tolist() == [[1, 0.9], [10, 3]]


@pytest.mark.parametrize("kind", ["wall", "nodes", "rows", "memory"])
def test_no_label_is_cut_or_covers_another(charts, kind):
    chart = charts[kind]
    found = texts(chart)
    assert len(found) >= 3
    for words, box in found:
        assert chart.bbox.x0 <= box.x0 < box.x1 <= chart.bbox.x1, words
        assert chart.bbox.y0 <= box.y0 < box.y1 <= chart.bbox.y1, words
    for (words, box), (others, other) in itertools.combinations(found, 2):
        assert not box.overlaps(other), (words, others)


def test_one_repeat_alone_is_drawn(results):
    charts = build_charts(Figures(results[5:6]))
    assert list(charts) == ["wall"]
    assert "2.50 s" in to_svg(charts["wall"])


@pytest.mark.parametrize("kind", ["wall", "nodes", "rows", "memory"])
def test_the_same_results_give_the_same_bytes(results, charts, kind):
    assert to_svg(build_charts(Figures(results))[kind]) == to_svg(charts[kind])


@pytest.mark.parametrize("kind", ["wall", "nodes", "rows", "memory"])
def test_pictures_are_small_and_have_real_text_and_no_date(charts, kind):
    svg = to_svg(charts[kind])
    assert len(svg.encode()) < 100_000
    root = ET.fromstring(svg)  # noqa: S314 - our own text
    assert "slipway" in " ".join(text.text or "" for text in root.iter(f"{SVG}text"))
    assert "dc:date" not in svg


@pytest.mark.parametrize("kind", ["wall", "nodes", "rows", "memory"])
@pytest.mark.parametrize("page", [LIGHT, DARK])
def test_every_page_shows_through_and_every_colour_stands_out(charts, kind, page):
    chart = charts[kind]
    for part in (chart, *chart.axes):
        assert part.get_facecolor()[3] == 0
    colours = {text.get_color() for text in chart.findobj(Text)}
    assert len(colours) == 1
    assert contrast(colours.pop(), page) > 4
    for axes in chart.axes:
        for bar in axes.patches:
            assert contrast(bar.get_facecolor(), page) > 3
        for line in axes.lines:
            assert contrast(line.get_color(), page) > 3


def contrast(one, other):
    """Contrast ratio by WCAG 2.2, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour):
    parts = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in to_rgb(colour)
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

"""How every chart looks, and its SVG text.

One grey for all text and colours of medium lightness on a transparent ground: a picture
in a Markdown page cannot know whether the reader's page is light or dark.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

GREY = "#747a83"
"""Of text and axes; contrast 4.3 with white and with #0d1117: none has more with both.
"""
BLUE, VERMILLION, GREEN = "#0072b2", "#d55e00", "#009e73"
"""Told apart by readers of every colour vision; contrast 3.4 or more with both grounds.

From Okabe and Ito, "Color Universal Design" (2008).
"""
HALO = withStroke(linewidth=3, foreground="white")
"""Makes a grey line stand out from the bar that it crosses."""
_WIDTH_IN = 8.0
_STYLE: dict[Any, Any] = {
    "axes.edgecolor": GREY,
    "axes.facecolor": "none",
    "axes.labelcolor": GREY,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": GREY,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "figure.constrained_layout.h_pad": 0.08,
    "figure.constrained_layout.w_pad": 0.08,
    "figure.facecolor": "none",
    "figure.titlesize": 12,
    "figure.titleweight": "bold",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # Comes with Matplotlib: the same everywhere.
    "font.size": 9,
    "grid.alpha": 0.25,
    "grid.color": GREY,
    "svg.fonttype": "none",
    "svg.hashsalt": "slipway",
    "text.color": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "ytick.major.size": 0,
}


@contextmanager
def new_chart(title: str, height_in: float) -> Iterator[Figure]:
    """Gives an empty picture to draw in; at the end its layout is settled.

    Args:
        title: Above the chart.
        height_in: Inches; all charts are 8 inches wide.
    """
    with rc_context(_STYLE):
        chart = Figure(figsize=(_WIDTH_IN, height_in), layout="constrained")
        chart.suptitle(title, x=0.01, horizontalalignment="left")
        yield chart
        # The layout approaches its goal with every drawing, and so would the bytes.
        chart.draw_without_rendering()
        chart.set_layout_engine("none")


def to_svg(chart: Figure) -> str:
    """Returns SVG text, the same for the same chart: neither date nor random ids.

    Args:
        chart: Of `new_chart`.
    """
    text = io.StringIO()
    about = {"Title": chart.get_suptitle(), "Date": None, "Creator": None}
    with rc_context(_STYLE):
        chart.savefig(text, format="svg", metadata=about)
    return text.getvalue()

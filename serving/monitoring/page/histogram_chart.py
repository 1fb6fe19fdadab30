"""Distributions then and now: columns for numbers, rows for values."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from serving.monitoring.page.numbers import percent, points
from serving.monitoring.report_format import Histogram

MAX_ROWS = 12
"""Values shown one by one; the others share a row."""
_HEIGHT = 120.0
_FOOT = 18.0
_GAP = 0.16


@dataclass(frozen=True, kw_only=True, slots=True)
class ValueRow:
    """One value, or bin, then and now.

    Attributes:
        label: The value.
        then, now: In percent, as text.
        change: In percentage points, as text.
        then_width, now_width: Of the bars: percent of the longest.
    """

    label: str
    then: str
    now: str
    change: str
    then_width: float
    now_width: float


def value_rows(histogram: Histogram, most: int = MAX_ROWS) -> list[ValueRow]:
    """Returns a row for each bin; beyond `most` the rarest share the last one.

    A value counts as often as its larger share, so that one which is new, or gone, is
    among those shown.
    """
    bins = list(
        zip(histogram.labels, histogram.reference_shares, histogram.shares, strict=True)
    )
    if len(bins) > most:
        order = sorted(bins, key=lambda entry: -max(entry[1], entry[2]))
        shown = set(order[: most - 1])
        rest = [entry for entry in bins if entry not in shown]
        bins = [entry for entry in bins if entry in shown]
        bins.append(
            (
                f"{len(rest)} others",
                sum(entry[1] for entry in rest),
                sum(entry[2] for entry in rest),
            )
        )
    longest = max((max(then, now) for _, then, now in bins), default=0.0) or 1.0
    return [
        ValueRow(
            label=label,
            then=percent(then),
            now=percent(now),
            change=points(now - then),
            then_width=round(then / longest * 100, 2),
            now_width=round(now / longest * 100, 2),
        )
        for label, then, now in bins
    ]


def columns(histogram: Histogram, name: str, chart_id: str) -> Markup:
    """Returns an svg of columns: then as an outline, now filled.

    Args:
        histogram: Bins in rising order, at least one.
        name: Of the feature.
        chart_id: Unique on the page.
    """
    top = max((*histogram.reference_shares, *histogram.shares)) or 1.0
    width = 100 / len(histogram.labels)
    bars = [
        _column(
            (label, then / top, now / top, f"then {percent(then)}, now {percent(now)}"),
            place * width,
            width,
        )
        for place, (label, then, now) in enumerate(
            zip(
                histogram.labels,
                histogram.reference_shares,
                histogram.shares,
                strict=True,
            )
        )
    ]
    return Markup(
        '<svg class="columns" role="img" aria-labelledby="{id}-t {id}-d" width="100%" '
        'height="{height}"><title id="{id}-t">Distribution of {name}</title>'
        '<desc id="{id}-d">{about}</desc>{bars}{foot}</svg>'
    ).format(
        id=chart_id,
        height=_HEIGHT + _FOOT,
        name=name,
        about=_in_words(histogram),
        bars=Markup("").join(bars),
        foot=_foot(histogram.labels),
    )


def _column(shape: tuple[str, float, float, str], left: float, width: float) -> Markup:
    label, then, now, about = shape
    gap = width * _GAP
    plot = _HEIGHT - 4
    return Markup(
        '<g><rect class="now" x="{x}%" y="{now_y}" width="{w}%" height="{now_h}"/>'
        '<rect class="then" x="{x}%" y="{then_y}" width="{w}%" height="{then_h}"/>'
        '<rect class="hover" x="{x}%" y="0" width="{w}%" height="{all}">'
        "<title>{label}: {about}</title></rect></g>"
    ).format(
        x=round(left + gap / 2, 3),
        w=round(width - gap, 3),
        now_y=round(_HEIGHT - now * plot, 1),
        now_h=round(now * plot, 1),
        then_y=round(_HEIGHT - then * plot, 1),
        then_h=round(then * plot, 1),
        all=_HEIGHT,
        label=label,
        about=about,
    )


def _foot(labels: Sequence[str]) -> Markup:
    """Names the first and the last bin; the others are named under the pointer."""
    ends = [("start", "0", labels[0]), ("end", "100%", labels[-1])]
    return Markup("").join(
        Markup('<text class="tick-label {0}" x="{1}" y="{2}">{3}</text>').format(
            anchor, place, _HEIGHT + _FOOT - 4, label
        )
        for anchor, place, label in ends[: len(labels)]
    )


def _in_words(histogram: Histogram) -> str:
    changes = sorted(
        zip(
            histogram.labels, histogram.reference_shares, histogram.shares, strict=True
        ),
        key=lambda entry: -abs(entry[2] - entry[1]),
    )
    return "; ".join(
        f"{label}: then {percent(then)}, now {percent(now)}"
        for label, then, now in changes[:3]
    )

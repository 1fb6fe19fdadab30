"""Whether a rate changed: rows that are missing, unknown or out of range."""

import math
from typing import Literal

import numpy as np
from scipy.special import gammaln, ndtr, ndtri

from serving.monitoring.report_format import Interval

Alternative = Literal["two-sided", "greater"]

# From here on the normal approximation is off by less than Holm's correction spends.
_EXACT_BELOW = 1000.0


def rate_p_value(
    hits: int, rows: int, reference_hits: int, reference_rows: int, side: Alternative
) -> float:
    """Returns Fisher's p-value that two rates are one.

    Where nothing changed, the hits of both sides are spread over all rows at random:
    given their sum, those of the window are hypergeometric. That holds for ten rows
    as for a million, and for rates of 0. Two-sided is twice the smaller tail. Where
    1,000 hits or more, and as many others, are expected of either side, the tails are
    the normal's with a continuity correction.

    Args:
        hits: Of the window's rows, 0 <= hits <= rows.
        rows: Of the window.
        reference_hits: Likewise.
        reference_rows: Likewise.
        side: "greater": only a higher rate counts.

    Returns:
        0 to 1; 1 without rows on either side.

    Source:
        R. A. Fisher, "The logic of inductive inference", JRSS 98 (1935), 39-82.
    """
    if rows == 0 or reference_rows == 0:
        return 1.0
    total, drawn = rows + reference_rows, hits + reference_hits
    above = _upper_tail(hits, rows, drawn, total)
    if side == "greater":
        return above
    below = _upper_tail(rows - hits, rows, total - drawn, total)
    return min(1.0, 2 * min(above, below))


def _upper_tail(hits: int, rows: int, drawn: int, total: int) -> float:
    """P(at least `hits` of the `drawn` marked among `rows` of `total`)."""
    expected = rows * drawn / total
    cells = (expected, rows - expected, drawn - expected)
    if min(*cells, total - rows - cells[2]) >= _EXACT_BELOW:
        share = drawn / total
        spread = math.sqrt(
            rows * share * (1 - share) * (total - rows) / max(total - 1, 1)
        )
        return float(ndtr(-(hits - 0.5 - expected) / spread))
    return _exact_tail(hits, rows, drawn, total)


def _exact_tail(hits: int, rows: int, drawn: int, total: int) -> float:
    first = max(hits, drawn - (total - rows), 0)
    last = min(rows, drawn)
    if hits <= max(drawn - (total - rows), 0):
        return 1.0
    if first > last:
        return 0.0
    found = np.arange(first, last + 1, dtype=np.float64)
    logs = (
        _log_choose(drawn, found)
        + _log_choose(total - drawn, rows - found)
        - _log_choose(total, np.array([rows], np.float64))
    )
    return float(min(1.0, np.exp(logs).sum()))


def _log_choose(of: int, some: np.ndarray) -> np.ndarray:
    chosen: np.ndarray = gammaln(of + 1) - gammaln(some + 1) - gammaln(of - some + 1)
    return chosen


def tails_p_value(
    below: int, above: int, rows: int, reference: tuple[int, int, int]
) -> float:
    """Returns the p-value that no more rows than before are beyond either end.

    Where the range is the reference's own smallest and largest value, k rows beyond
    one end have the probability that the k largest of all rows lie in the window:
    Fisher's again, with no hit in the reference. Each end is tested by itself and the
    smaller p-value doubled (Bonferroni); their sum would not be hypergeometric.

    Args:
        below: Rows of the window under the lower end.
        above: Rows of the window over the upper end.
        rows: Rows of the window.
        reference: The same three numbers of the reference.
    """
    ends = zip((below, above), reference[:2], strict=True)
    tails = [
        rate_p_value(hits, rows, before, reference[2], "greater")
        for hits, before in ends
    ]
    return min(1.0, 2 * min(tails))


def difference_interval(
    hits: float, rows: float, reference: tuple[float, float], confidence: float
) -> Interval | None:
    """Returns Newcombe's hybrid score interval of rate now less rate then.

    Args:
        hits: Of the window's rows.
        rows: Of the window.
        reference: Hits and rows of the reference.
        confidence: In (0, 1).

    Returns:
        None without rows on either side.

    Source:
        R. G. Newcombe, "Interval estimation for the difference between independent
        proportions", Statistics in Medicine 17 (1998), 873-890, method 10.
    """
    if not rows or not reference[1]:
        return None
    z = float(ndtri((1 + confidence) / 2))
    now, then = hits / rows, reference[0] / reference[1]
    low_now, high_now = _wilson(now, rows, z)
    low_then, high_then = _wilson(then, reference[1], z)
    return Interval(
        low=now - then - math.hypot(now - low_now, high_then - then),
        high=now - then + math.hypot(high_now - now, then - low_then),
    )


def _wilson(share: float, rows: float, z: float) -> tuple[float, float]:
    square = z * z
    centre = (share + square / (2 * rows)) / (1 + square / rows)
    spread = (
        z
        * math.sqrt(share * (1 - share) / rows + square / (4 * rows * rows))
        / (1 + square / rows)
    )
    return max(0.0, centre - spread), min(1.0, centre + spread)

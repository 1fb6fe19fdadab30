"""How much a feature varies from window to window where nothing is wrong.

p-values take rows for independent. Rows of one hour are not: they have one weather, one
schedule, one news. Between one window and the next a feature of such rows differs by
more than chance, every day, and a monitor that does not know it alarms every day.

So the windows before say how much more. Of each pair of neighbours the two-sample
chi-square, divided by what it would be by chance (its median), is the factor by which
the variance is larger: the design effect. The median over the last pairs is taken, so
that one fault, or one deployment, among them does not count, and neighbours, so that
a slow drift does not either: a fault that stays, and the drift of a season, are found.

Source:
    J. N. K. Rao and A. J. Scott, "On chi-squared tests for multiway contingency tables
    with cell proportions estimated from survey data", Annals of Statistics 12 (1984),
    46-60: dividing by the mean design effect is their first-order correction.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from serving.monitoring.distribution_tests import Cells, chi_square
from serving.monitoring.feature_space import MISSING, Counts, FeatureSpace, NumericSpace
from serving.monitoring.pooling import pool_neighbours, pool_rare, pooled

MIN_PAIRS = 4
"""Pairs of windows from which on their median is believed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DesignEffects:
    """How many rows count as one, >= 1 each.

    Attributes:
        values: Of the distribution of values.
        missing: Of the rate of missing ones.
        strange: Of the rate of unknown ones, or of those out of range.
        is_known: Whether windows or settings said so; else rows are taken for
            independent, and nobody knows whether they are.
    """

    values: float = 1.0
    missing: float = 1.0
    strange: float = 1.0
    is_known: bool = True

    def in_part(self, share: float) -> "DesignEffects":
        """Returns those of a slice that has a share of the rows.

        Of b rows that share a measurement it has share * b, and the design effect is
        1 + (b - 1) * their correlation (Kish, "Survey sampling", 1965, 5.4).
        """
        return DesignEffects(
            values=1 + share * (self.values - 1),
            missing=1 + share * (self.missing - 1),
            strange=1 + share * (self.strange - 1),
            is_known=self.is_known,
        )


class WindowNoise:
    """Follows one feature from window to window."""

    def __init__(self, space: FeatureSpace, num_pairs: int) -> None:
        """Starts without a window.

        Args:
            space: In which the windows are counted.
            num_pairs: The last pairs that count; 0: design effects are always 1.
        """
        self._space = space
        self._before: Counts | None = None
        self._num_pairs = 0
        self._values: deque[float] = deque(maxlen=num_pairs)
        self._missing: deque[float] = deque(maxlen=num_pairs)
        self._strange: deque[float] = deque(maxlen=num_pairs)

    @property
    def effects(self) -> DesignEffects:
        """What the windows so far say; 1 where they are too few to tell."""
        return DesignEffects(
            is_known=self._num_pairs >= MIN_PAIRS or self._values.maxlen == 0,
            values=_median(self._values),
            missing=_median(self._missing),
            strange=_median(self._strange),
        )

    def add(self, counts: Counts) -> None:
        """Takes in the next window's counts by code, shape [num_codes]."""
        before, self._before = self._before, counts
        if before is None:
            return
        self._num_pairs += 1
        self._values.extend(self._distances(before, counts))
        missing = _pair(before, counts, slice(MISSING, MISSING + 1))
        self._missing.extend(_ratios(*missing))
        known = before.copy(), counts.copy()
        for side in known:
            side[MISSING] = 0
        strange = slice(-2 if isinstance(self._space, NumericSpace) else -1, None)
        self._strange.extend(_ratios(*_pair(*known, strange)))

    def _distances(self, before: Counts, counts: Counts) -> list[float]:
        then, now = (self._space.value_counts(side) for side in (before, counts))
        if not then.sum() or not now.sum():
            return []
        is_number = isinstance(self._space, NumericSpace)
        groups = (pool_neighbours if is_number else pool_rare)(now, then)
        return _ratios(pooled(then, groups), pooled(now, groups))


def _pair(before: Counts, counts: Counts, hits: slice) -> tuple[Counts, Counts]:
    """Hits and all others, of either window."""
    then, now = (
        np.array([side[hits].sum(), side.sum() - side[hits].sum()])
        for side in (before, counts)
    )
    return then, now


def _ratios(then: Counts, now: Counts) -> list[float]:
    """Chi-square by its median where nothing changed; none if nothing could change."""
    num_cells = int(np.count_nonzero(then + now))
    if num_cells <= 1 or not then.sum() or not now.sum():
        return []
    cells = Cells(now=now, then=then)
    freedom = num_cells - 1
    # Wilson and Hilferty's approximation of the median.
    median = freedom * (1 - 2 / (9 * freedom)) ** 3
    return [chi_square(cells).statistic ** 2 / cells.noise / median]


def _median(ratios: deque[float]) -> float:
    if len(ratios) < MIN_PAIRS:
        return 1.0
    return max(1.0, float(np.median(ratios)))

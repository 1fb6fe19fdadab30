"""Which cells are compared one by one, and which together.

A cell of few rows has no normal noise, and a reference that picks its own rare values
as cells has picked those that it happened to have most of. So cells are chosen by the
rows of both sides together, which favours neither, and rare ones are pooled.
"""

import numpy as np
import numpy.typing as npt

from serving.monitoring.feature_space import Counts

Groups = npt.NDArray[np.intp]

MIN_EXPECTED = 10.0
"""Rows that the smaller side is to have in a cell. Twice the textbooks' five: there
5 % are tested, here the far tail that Holm's correction leaves."""
MAX_CELLS = 40


def pool_neighbours(now: Counts, then: Counts, design_effect: float = 1.0) -> Groups:
    """Joins each bin with the next until there are rows enough.

    Args:
        now: Rows in ordered bins, shape [B].
        then: Likewise.
        design_effect: Rows that count as one measurement.

    Returns:
        The cell of each bin, from 0, rising; shape [B].
    """
    enough = _least_rows(now, then, design_effect)
    groups = np.zeros(len(now), np.intp)
    cell, rows = 0, 0.0
    for place, count in enumerate(now + then):
        if rows >= enough:
            cell, rows = cell + 1, 0.0
        groups[place] = cell
        rows += count
    if rows < enough and cell:
        groups[groups == cell] = cell - 1
    return groups


def pool_rare(
    now: Counts, then: Counts, least_listed: float = 0.0, design_effect: float = 1.0
) -> Groups:
    """Keeps frequent values apart and puts the others together.

    Args:
        now: Rows of the listed values, then of all others; shape [V + 1].
        then: Likewise.
        least_listed: Rows of the rarest listed value if others are not listed, 0 if
            all are. A value is kept apart only if no unlisted one could have as many
            rows: those cannot be told from one another.
        design_effect: Rows that count as one measurement.

    Returns:
        The cell of each value, shape [V + 1]; 0 is the others'. At most MAX_CELLS.
    """
    both = now + then
    enough = _least_rows(now, then, design_effect)
    bound = least_listed * (1 + 2 * now.sum() / max(then.sum(), 1.0))
    order = np.argsort(-both[:-1], kind="stable")[: MAX_CELLS - 1]
    kept = order[both[order] >= max(enough, bound)]
    groups = np.zeros(len(both), np.intp)
    groups[kept] = np.arange(1, len(kept) + 1)
    if len(kept) and both[groups == 0].sum() < enough:
        groups[kept[-1]] = 0
    return groups


def _least_rows(now: Counts, then: Counts, design_effect: float) -> float:
    """Rows of both sides of which the smaller one has MIN_EXPECTED."""
    smaller = min(now.sum(), then.sum())
    if smaller == 0:
        return np.inf
    return float(MIN_EXPECTED * design_effect * (now.sum() + then.sum()) / smaller)


def pooled(counts: Counts, groups: Groups) -> Counts:
    """Returns the rows of each cell."""
    return np.bincount(groups, weights=counts).astype(np.float64)

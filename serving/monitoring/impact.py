"""How far a change of one feature moves the predictions.

A feature that the model hardly reads may change as it likes; that is why a monitor
which only tests distributions is soon ignored. With p and q the shares of a feature's
cells now and then (missing is one), and E the mean prediction of the rows in a cell,

    mean shift = Σ (p - q) E      what the change does to the mean prediction
    impact     = Σ d e            with d² = max(0, (p - q)² - π (1 - π) (1/n + 1/m))
                                  and  e² = max(0, (E - mean)² - variance of E)

The mean shift is the composition effect of Kitagawa's decomposition of a difference of
two rates. It can cancel where predictions rise for some rows and fall for others, so
that features are sorted by the impact, which cannot. d and e are the change of a share
and the distance from the mean less what chance alone makes of them: twenty cells of
noise would add up to an impact. Both are of one feature at a time: of two features
that tell the same, either gets all of the effect.

E comes from the model's own predictions in the log, all windows together, and from the
golden batch, whose rows tell of cells which the log no longer has. It is drawn towards
the mean as if PRIOR_ROWS rows more were there, so that a cell of one row says little.

Source:
    E. M. Kitagawa, "Components of a difference between two rates", JASA 50 (1955),
    1168-1194.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from serving.monitoring.feature_space import Codes, Counts, FeatureSpace
from serving.monitoring.pooling import Groups

PRIOR_ROWS = 5.0


class Sensitivity(NamedTuple):
    """The prediction by code, shape [num_codes] each.

    Attributes:
        means: Mean prediction; the mean of all where no row tells.
        noise: Variance of that mean.
    """

    means: Counts
    noise: Counts


class Impact(NamedTuple):
    """What a change does; None where it is not known.

    Attributes:
        size: 0 to 1, in units of the prediction.
        mean_shift: -1 to 1, likewise.
    """

    size: float | None
    mean_shift: float | None


def sensitivity(
    codes: Codes, predictions: npt.NDArray[np.float64], space: FeatureSpace
) -> Sensitivity | None:
    """Returns the mean prediction by code.

    Args:
        codes: Of rows of the log and of the golden batch.
        predictions: Of the same rows; NaN where a row has none.
        space: Of the codes.

    Returns:
        None where no row has a prediction.
    """
    known = ~np.isnan(predictions)
    if not known.any():
        return None
    mean = float(predictions[known].mean())
    rows = np.bincount(codes[known], minlength=space.num_codes)
    sums = np.bincount(codes[known], predictions[known], space.num_codes)
    drawn = rows + PRIOR_ROWS
    variance = float(predictions[known].var())
    return Sensitivity(
        means=(sums + PRIOR_ROWS * mean) / drawn, noise=variance * rows / drawn**2
    )


def measure_impact(
    now: Counts,
    then: Counts,
    known: Sensitivity | None,
    groups: Groups,
    design_effect: float = 1.0,
) -> Impact:
    """Returns the impact of a change; see the module's docstring.

    Args:
        now: Rows by code, shape [num_codes].
        then: Likewise.
        known: Predictions by code; None: not known.
        groups: The cell of each value, as the tests have them: a hundred rare values
            one by one would add up a hundred times the noise.
        design_effect: Rows that count as one measurement, >= 1.
    """
    if known is None or not now.sum() or not then.sum():
        return Impact(None, None)
    num_values = len(groups)
    cells = np.concatenate([[0], groups + 1])
    now, then = (_folded(counts, num_values) for counts in (now, then))
    weights = now + then
    p, q = (np.bincount(cells, counts) / counts.sum() for counts in (now, then))
    rows = np.bincount(cells, weights)
    parts = weights / np.maximum(rows, 1.0)[cells]
    mean = np.bincount(cells, parts * known.means[: num_values + 1])
    noise = np.bincount(cells, parts**2 * known.noise[: num_values + 1])
    pi = rows / rows.sum()
    chance = pi * (1 - pi) * (1 / now.sum() + 1 / then.sum()) * design_effect
    moved = np.sqrt(np.maximum(0.0, (p - q) ** 2 - chance))
    away = np.sqrt(np.maximum(0.0, (mean - (pi * mean).sum()) ** 2 - noise))
    return Impact(
        size=float((moved * away).sum()),
        mean_shift=float(((p - q) * mean).sum()),
    )


def _folded(counts: Counts, num_values: int) -> Counts:
    """Missing, then the values; what lies out of a number's range in its end bins."""
    values = counts[: num_values + 1].copy()
    rest = counts[num_values + 1 :]
    if len(rest):
        values[1] += rest[0]
        values[num_values] += rest[-1]
    return values

"""AUC, log loss and calibration of predictions with labels, each with its interval.

All intervals take the rows as independent. Rows that share a cause (flights of one
stormy evening) are not, and the true intervals are then wider.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, rankdata

from serving.monitoring.report_format import Measured

EPSILON = 1e-7
"""Log loss takes probabilities as at least this far from 0 and 1.

Source: keras.backend.epsilon, which the bundle's own evaluation uses.
"""

NUM_BINS = 10

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReliabilityBin:
    """A tenth of the rows by prediction: what was said and what came.

    Attributes:
        mean_prediction: Of its rows, 0 to 1.
        rate: Share of them with the positive label, 0 to 1.
        low, high: Wilson's interval of the rate.
        num_rows: Rows of the bin, >= 1.
    """

    mean_prediction: float
    rate: float
    low: float
    high: float
    num_rows: int


def auc(probability: Floats, is_positive: Flags, confidence: float) -> Measured:
    """Returns the area under the ROC curve with DeLong's interval.

    Args:
        probability: float64 [rows], without NaN.
        is_positive: bool [rows]; both classes must be there.
        confidence: Level of the interval, in (0, 1).

    Returns:
        Value in [0, 1], bounds cut to it; no bounds where the classes are so far apart
        (or so few) that DeLong's variance is 0 or not defined.

    Source:
        DeLong, DeLong, Clarke-Pearson, "Comparing the areas under two or more
        correlated receiver operating characteristic curves: a nonparametric approach",
        Biometrics 44 (1988); midranks as in Sun, Xu, "Fast implementation of DeLong's
        algorithm", IEEE Signal Processing Letters 21 (2014).
    """
    positives, negatives = probability[is_positive], probability[~is_positive]
    m, n = len(positives), len(negatives)
    ranks = rankdata(probability)
    # Of each positive the share of negatives below it, and the other way round.
    below = (ranks[is_positive] - rankdata(positives)) / n
    above = 1 - (ranks[~is_positive] - rankdata(negatives)) / m
    value = float(below.mean())
    if min(m, n) < 2:  # noqa: PLR2004 - a variance needs two
        return Measured(value=value)
    variance = float(below.var(ddof=1) / m + above.var(ddof=1) / n)
    if variance == 0:
        return Measured(value=value)
    half = _z(confidence) * math.sqrt(variance)
    return Measured(
        value=value, low=max(0.0, value - half), high=min(1.0, value + half)
    )


def log_loss(probability: Floats, is_positive: Flags, confidence: float) -> Measured:
    """Returns the mean of -log(probability of what came), in nats, >= 0.

    The interval is the normal one of a mean, standard error s / sqrt(n), cut at 0.

    Args:
        probability: float64 [rows], without NaN; at least two rows.
        is_positive: bool [rows].
        confidence: Level of the interval, in (0, 1).
    """
    clipped = np.clip(probability, EPSILON, 1 - EPSILON)
    losses = -np.log(np.where(is_positive, clipped, 1 - clipped))
    value = float(losses.mean())
    half = _z(confidence) * float(losses.std(ddof=1)) / math.sqrt(len(losses))
    return Measured(value=value, low=max(0.0, value - half), high=value + half)


def calibration(probability: Floats, is_positive: Flags, confidence: float) -> Measured:
    """Returns mean prediction / rate of the positive label, 1.0 if they agree.

    Above 1 the model says more than comes. The interval is that of the logarithm of a
    ratio of two means of the same rows (delta method):

        var(log(a / b)) = (var(p) / a^2 + var(y) / b^2 - 2 cov(p, y) / (a b)) / n

    Args:
        probability: float64 [rows], without NaN, not all 0; at least two rows.
        is_positive: bool [rows]; at least one is.
        confidence: Level of the interval, in (0, 1).

    Source:
        Casella, Berger, "Statistical inference" (2002), section 5.5.4, example 5.5.27.
    """
    labels = is_positive.astype(np.float64)
    a, b = float(probability.mean()), float(labels.mean())
    (var_p, cov), (_, var_y) = np.cov(probability, labels)
    variance = (var_p / a**2 + var_y / b**2 - 2 * cov / (a * b)) / len(labels)
    factor = math.exp(_z(confidence) * math.sqrt(max(0.0, float(variance))))
    return Measured(value=a / b, low=a / b / factor, high=a / b * factor)


def reliability(
    probability: Floats, is_positive: Flags, confidence: float
) -> tuple[ReliabilityBin, ...]:
    """Returns what came of each tenth of the rows, by rising prediction.

    Args:
        probability: float64 [rows], without NaN.
        is_positive: bool [rows].
        confidence: Level of the intervals, in (0, 1).

    Returns:
        At most NUM_BINS bins of about equally many rows; equal predictions are never
        parted, so that there are fewer bins where many rows have the same one.
    """
    places = tenths(probability, probability)
    bins = []
    for place in np.unique(places):
        mine = places == place
        hits, count = int(is_positive[mine].sum()), int(mine.sum())
        low, high = wilson(hits, count, confidence)
        bins.append(
            ReliabilityBin(
                mean_prediction=float(probability[mine].mean()),
                rate=hits / count,
                low=low,
                high=high,
                num_rows=count,
            )
        )
    return tuple(bins)


def tenths(values: Floats, among: Floats) -> npt.NDArray[np.int64]:
    """Returns for each value in which tenth of others it lies, 0 to NUM_BINS - 1."""
    inner = np.quantile(among, np.linspace(0, 1, NUM_BINS + 1)[1:-1])
    return np.asarray(np.searchsorted(np.unique(inner), values, side="left"))


def wilson(hits: int, trials: int, confidence: float) -> tuple[float, float]:
    """Returns the score interval of a share; trials >= 1.

    Source:
        Wilson, "Probable inference, the law of succession, and statistical
        inference", JASA 22 (1927).
    """
    z, share = _z(confidence), hits / trials
    denominator = 1 + z**2 / trials
    centre = share + z**2 / (2 * trials)
    half = z * math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    return max(0.0, (centre - half) / denominator), min(
        1.0, (centre + half) / denominator
    )


def _z(confidence: float) -> float:
    return float(norm.ppf(0.5 + confidence / 2))

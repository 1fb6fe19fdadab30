"""Confidence intervals from the numbers TFMA already computed: no resampling.

Each needs only the metric, the number of rows and the share of positive labels, so
it costs nothing beside TFMA's own bootstrap, and each names its method.
"""

import math
from dataclasses import dataclass

from scipy.stats import norm


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A two-sided confidence interval.

    Attributes:
        low, high: Bounds, inclusive.
        method: Name of the method, to be printed beside the bounds.
    """

    low: float
    high: float
    method: str


def metric_interval(
    metric: str,
    value: float,
    *,
    rows: float,
    positive_fraction: float,
    confidence: float,
) -> Interval | None:
    """Returns the interval of one metric, or None where no cheap sound one exists.

    Args:
        metric: One of the names in pipeline.stage_configs.METRICS.
        value: TFMA's value.
        rows: Number of rows, >= 0.
        positive_fraction: Share of rows with label 1, in [0, 1].
        confidence: Level, in (0, 1), for example 0.95.

    Returns:
        None for metrics without a method, for NaN, and where a class is absent.
    """
    if math.isnan(value) or rows <= 0:
        return None
    z = float(norm.ppf(0.5 + confidence / 2))
    if metric in ("binary_accuracy", "mean_label"):
        return wilson_interval(value, rows, z)
    positives = rows * positive_fraction
    if positives < 1 or rows - positives < 1:
        return None
    return _two_class_interval(metric, value, positives, rows - positives, z)


def _two_class_interval(
    metric: str, value: float, positives: float, negatives: float, z: float
) -> Interval | None:
    if metric == "auc":
        return hanley_mcneil_interval(value, positives, negatives, z)
    if metric == "auc_precision_recall":
        return logit_interval(value, positives, z)
    if metric == "calibration":
        return ratio_interval(value, positives, positives / (positives + negatives), z)
    return None


def auc_standard_error(auc: float, positives: float, negatives: float) -> float:
    """Returns the standard error of an area under the ROC curve.

    Source:
        Hanley, McNeil, "The meaning and use of the area under a receiver operating
        characteristic (ROC) curve", Radiology 143 (1982), formula 2.
    """
    q1 = auc / (2 - auc)
    q2 = 2 * auc**2 / (1 + auc)
    variance = (
        auc * (1 - auc)
        + (positives - 1) * (q1 - auc**2)
        + (negatives - 1) * (q2 - auc**2)
    ) / (positives * negatives)
    return math.sqrt(max(variance, 0.0))


def hanley_mcneil_interval(
    auc: float, positives: float, negatives: float, z: float
) -> Interval:
    """Returns the normal interval of an AUC, cut to [0, 1]."""
    half = z * auc_standard_error(auc, positives, negatives)
    return Interval(
        low=max(0.0, auc - half), high=min(1.0, auc + half), method="Hanley-McNeil"
    )


def wilson_interval(share: float, rows: float, z: float) -> Interval:
    """Returns the score interval of a share of rows.

    Source:
        Wilson, "Probable inference, the law of succession, and statistical
        inference", JASA 22 (1927).
    """
    denominator = 1 + z**2 / rows
    centre = (share + z**2 / (2 * rows)) / denominator
    half = (
        z * math.sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2)) / denominator
    )
    return Interval(
        low=max(0.0, centre - half), high=min(1.0, centre + half), method="Wilson"
    )


def logit_interval(area: float, positives: float, z: float) -> Interval | None:
    """Returns the interval of an area under the precision-recall curve.

    Source:
        Boyd, Eng, Page, "Area under the precision-recall curve: point estimates and
        confidence intervals", ECML PKDD 2013, section 3.2.
    """
    if not 0 < area < 1:
        return None
    centre = math.log(area / (1 - area))
    half = z / math.sqrt(positives * area * (1 - area))
    return Interval(
        low=_sigmoid(centre - half), high=_sigmoid(centre + half), method="logit"
    )


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def ratio_interval(
    calibration: float, positives: float, positive_fraction: float, z: float
) -> Interval | None:
    """Returns the interval of mean prediction over mean label.

    The predictions are taken as fixed and the number of positives as binomial, so
    the standard error of the logarithm is sqrt((1 - p) / positives).

    Source:
        Debray et al., "A guide to systematic review and meta-analysis of prediction
        model performance", BMJ 356 (2017), appendix: total O:E ratio.
    """
    if calibration <= 0:
        return None
    factor = math.exp(z * math.sqrt((1 - positive_fraction) / positives))
    return Interval(
        low=calibration / factor, high=calibration * factor, method="log ratio"
    )

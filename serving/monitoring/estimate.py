"""Estimates the quality of predictions whose labels have not come.

Confidence-based performance estimation (CBPE): if of all rows with a calibrated
probability of 0.3 three in ten come true, the expected AUC and log loss follow from the
probabilities alone. It holds as long as the same probability means the same rate. When
what is predicted changes its nature (concept drift), the estimate does not notice: it
never replaces labels.

Source:
    NannyML, docs/how_it_works/performance_estimation.rst, "Confidence-based Performance
    Estimation".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from serving.monitoring.estimate_calibration import Calibration
from serving.monitoring.monitor_settings import MonitorSettings
from serving.monitoring.quality_labels import LabelError, labelled_rows
from serving.monitoring.quality_metrics import EPSILON, Floats
from serving.monitoring.report_format import Measured, Quality

NUM_DRAWS = 200
"""Draws behind an interval: its ends are off by a tenth of its width at most, most of
the time."""

MIN_WINDOWS = 5
"""Earlier windows with labels from which on an interval is given: fewer do not show
how far rates move."""

METRICS = ("auc", "log_loss", "calibration")

_SEED = 2013

Known = Sequence[tuple[Calibration, Floats]]
"""Of each version its calibration and what it served."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Confusion:
    """Expected rows of each kind, at a threshold; they add up to all rows."""

    true_positives: float
    false_positives: float
    false_negatives: float
    true_negatives: float


def estimate_of(
    table: Any,
    settings: MonitorSettings,
    calibrations: Mapping[int, Calibration],
) -> Quality | None:
    """Estimates AUC, log loss and calibration without the labels of these rows.

    Args:
        table: The rows of a window or slice; see PredictionLog.read. Labels in it are
            not looked at.
        settings: Its output, confidence and min_rows.
        calibrations: Version to what was learned from earlier rows with labels, see
            estimate_calibration.calibrations_of.

    Returns:
        What the same rows would measure with labels. The interval holds the measured
        value as often as its confidence says if rates move as they did between the
        earlier windows; no bounds where fewer than MIN_WINDOWS of those have labels.
        None where fewer than min_rows rows are of a version that has a
        calibration.
    """
    try:
        rows = labelled_rows(table, settings)
    except LabelError:
        return None
    known = [
        (calibrations[version], rows.probability[rows.version == version])
        for version in np.unique(rows.version).tolist()
        if version in calibrations
    ]
    served = np.concatenate([np.empty(0), *(mine for _, mine in known)])
    expected = np.concatenate([np.empty(0), *(c.apply(mine) for c, mine in known)])
    if len(served) < settings.min_rows or not 0 < expected.sum() < len(served):
        return None
    scores = ServedScores(served)
    bounds = _bounds(scores, known, settings.confidence)
    return Quality(
        metrics={
            name: Measured(value=value, low=bounds[name][0], high=bounds[name][1])
            for name, value in scores.metrics(expected).items()
        },
        coverage=len(served) / rows.num_rows,
        num_rows=len(served),
        is_estimate=True,
        method=_method([calibration for calibration, _ in known]),
    )


def _bounds(
    scores: "ServedScores", known: Known, confidence: float
) -> dict[str, tuple[float | None, float | None]]:
    """Draws what earlier windows were like, and labels, and measures those.

    One draw takes each version's rates as they lay to its curve in one earlier window:
    so far the rates may have moved again.
    """
    draws: dict[str, list[float]] = {name: [] for name in METRICS}
    is_shown = all(len(calibration.windows) >= MIN_WINDOWS for calibration, _ in known)
    curves = [(calibration, calibration.apply(mine)) for calibration, mine in known]
    generator = np.random.default_rng(_SEED)
    for _ in range(NUM_DRAWS if is_shown else 0):
        rates = np.concatenate(
            [
                calibration.windows[generator.integers(len(calibration.windows))].apply(
                    curve
                )
                for calibration, curve in curves
            ]
        )
        labels = (generator.random(len(rates)) < rates).astype(np.float64)
        if 0 < labels.sum() < len(labels):
            for name, value in scores.metrics(labels).items():
                draws[name].append(value)
    return {name: _interval(found, confidence) for name, found in draws.items()}


def _interval(
    draws: Sequence[float], confidence: float
) -> tuple[float | None, float | None]:
    if not draws:
        return None, None
    tail = (1 - confidence) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return float(low), float(high)


def _method(calibrations: Sequence[Calibration]) -> str:
    labels = sum(calibration.num_rows for calibration in calibrations)
    windows = min(len(calibration.windows) for calibration in calibrations)
    shown = (
        f"the interval is as wide as rates moved between {windows} earlier windows"
        if windows >= MIN_WINDOWS
        else f"no interval: {windows} earlier windows have labels, {MIN_WINDOWS} are "
        "needed to see how far rates move"
    )
    return (
        f"estimated without labels (CBPE): probabilities calibrated on {labels:,} "
        "earlier rows with labels by isotonic regression; it holds only if the same "
        f"probability still means the same rate (no concept drift); {shown}"
    )


class ServedScores:
    """Served probabilities in order, to expect or measure many labellings of them."""

    def __init__(self, served: Floats) -> None:
        """Sorts once.

        Args:
            served: float64 [rows]. p, what the model said, 0 to 1; at least one row.
        """
        self._order = np.argsort(served, kind="stable")
        _, self._starts = np.unique(served[self._order], return_index=True)
        self._mean = float(served.mean())
        clipped = np.clip(served, EPSILON, 1 - EPSILON)
        self._log_p, self._log_not_p = np.log(clipped), np.log(1 - clipped)

    def metrics(self, expected: Floats) -> dict[str, float]:
        """Returns the expected AUC, log loss and calibration.

            AUC         = sum over pairs of c_i (1 - c_j) [p_i > p_j, half for equals]
                          / sum over pairs of c_i (1 - c_j)
            log loss    = mean of -(c log p + (1 - c) log(1 - p)), in nats
            calibration = mean of p / mean of c

        A row's pair with itself counts as a tie, as it does where the curve is
        integrated over thresholds; among n rows that is one pair in n. With labels, 0
        and 1, for c these are the measured values.

        Args:
            expected: float64 [rows]. c, calibrated, 0 to 1; not all 0, not all 1.
        """
        losses = expected * self._log_p + (1 - expected) * self._log_not_p
        return {
            "auc": self._auc(expected[self._order]),
            "log_loss": -float(losses.mean()),
            "calibration": self._mean / float(expected.mean()),
        }

    def _auc(self, expected: Floats) -> float:
        positives = np.add.reduceat(expected, self._starts)
        negatives = np.add.reduceat(1 - expected, self._starts)
        below = np.cumsum(negatives) - negatives / 2
        return float((positives * below).sum() / (positives.sum() * negatives.sum()))


def expected_confusion(
    served: Floats, expected: Floats, threshold: float = 0.5
) -> Confusion:
    """Returns the confusion matrix to be expected.

    Args:
        served: float64 [rows]. What the model said.
        expected: float64 [rows]. Calibrated.
        threshold: Smallest served probability that is called positive.
    """
    is_called = served >= threshold
    return Confusion(
        true_positives=float(expected[is_called].sum()),
        false_positives=float((1 - expected[is_called]).sum()),
        false_negatives=float(expected[~is_called].sum()),
        true_negatives=float((1 - expected[~is_called]).sum()),
    )

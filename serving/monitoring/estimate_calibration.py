"""Turns served probabilities into calibrated ones, learned from rows with labels.

Isotonic regression over all earlier rows gives the curve. How far the curve moves from
one window to the next is learned as well, for that is what an estimate is unsure of:
each window's own level and slope on the logit scale (Cox's recalibration).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression
from scipy.special import expit, logit

from serving.monitoring.coded_log import times
from serving.monitoring.monitor_settings import MonitorSettings, window_length
from serving.monitoring.quality_labels import LabelError, LabelledRows, labelled_rows
from serving.monitoring.quality_metrics import Flags, Floats

MAX_CELLS = 500
"""Rows are put together in at most so many cells of about equal size before the fit."""

MAX_WINDOWS = 30
"""So many of the latest windows with labels are learned from."""

_FARTHEST = 1e-3
_STEPS = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Recalibration:
    """How one window's rates lay to the curve: logit(rate) = level + slope logit(c).

    Level 0 and slope 1 are the curve itself.
    """

    level: float
    slope: float

    def apply(self, calibrated: Floats) -> Floats:
        """Returns the rates of that window for calibrated probabilities."""
        return np.asarray(expit(self.level + self.slope * _logit(calibrated)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """A rising curve from a served probability to the rate that came of it.

    Attributes:
        served: float64 [cells]. Mean served probability, rising.
        rates: float64 [cells]. The isotonic fit, 0 to 1.
        num_rows: Rows it was learned from.
        windows: How each of them lay to the curve, in order of time; only those with
            enough labels.
    """

    served: Floats
    rates: Floats
    num_rows: int
    windows: tuple[Recalibration, ...] = ()

    def apply(self, probability: Floats) -> Floats:
        """Returns calibrated probabilities; constant outside of what was seen."""
        return np.interp(probability, self.served, self.rates)


def fit_calibration(probability: Floats, is_positive: Flags) -> Calibration:
    """Fits isotonic regression; `windows` is left empty.

    Args:
        probability: float64 [rows], served; at least one row.
        is_positive: bool [rows]. What came.

    Source:
        Zadrozny, Elkan, "Transforming classifier scores into accurate multiclass
        probability estimates", KDD 2002. NannyML calibrates so, docs/how_it_works/
        performance_estimation.rst.
    """
    order = np.argsort(probability, kind="stable")
    served, labels = probability[order], is_positive[order].astype(np.float64)
    # Equal probabilities stay in one cell.
    _, first = np.unique(served, return_index=True)
    wanted = np.arange(MAX_CELLS) * len(served) / MAX_CELLS
    starts = np.unique(first[np.searchsorted(first, wanted, side="right") - 1])
    counts = np.diff(np.append(starts, len(served)))
    shares = np.add.reduceat(labels, starts) / counts
    return Calibration(
        served=np.add.reduceat(served, starts) / counts,
        rates=np.asarray(isotonic_regression(shares, weights=counts).x),
        num_rows=len(served),
    )


def fit_recalibration(calibrated: Floats, is_positive: Flags) -> Recalibration:
    """Fits level and slope by logistic regression (Newton's method).

    A normal prior of standard deviation 1 around level 0 and slope 1 keeps windows of
    few rows from saying what they cannot know.

    Args:
        calibrated: float64 [rows], 0 to 1.
        is_positive: bool [rows].

    Source:
        Cox, "Two further applications of a model for binary regression", Biometrika 45
        (1958): calibration intercept and slope.
    """
    inputs = np.column_stack([np.ones(len(calibrated)), _logit(calibrated)])
    centre = np.array([0.0, 1.0])
    weights = centre.copy()
    for _ in range(_STEPS):
        rates = expit(inputs @ weights)
        gradient = inputs.T @ (is_positive - rates) - (weights - centre)
        hessian = (inputs * (rates * (1 - rates))[:, np.newaxis]).T @ inputs
        weights = weights + np.linalg.solve(hessian + np.eye(2), gradient)
    return Recalibration(level=float(weights[0]), slope=float(weights[1]))


def _logit(calibrated: Floats) -> Floats:
    return np.asarray(logit(np.clip(calibrated, _FARTHEST, 1 - _FARTHEST)))


def calibrations_of(table: Any, settings: MonitorSettings) -> Mapping[int, Calibration]:
    """Learns from rows with labels, each version of the model by itself.

    Args:
        table: Rows from before what is to be estimated; see PredictionLog.read.
        settings: Its output, positive_label, min_labelled, window and clock.

    Returns:
        Version to its calibration, of the latest MAX_WINDOWS windows; versions with
        fewer labels than min_labelled, or with labels of one class alone, are not in
        it. Empty where labels are not of two classes.
    """
    try:
        rows = labelled_rows(table, settings)
    except LabelError:
        return {}
    length = window_length(settings.window) // timedelta(microseconds=1)
    windows = times(table, settings.clock)[rows.places] // length
    found = {}
    for version in np.unique(rows.version[rows.is_labelled]).tolist():
        mine = rows.is_labelled & (rows.version == version)
        latest = np.unique(windows[mine])[-MAX_WINDOWS:]
        mine &= windows >= latest[0]
        if _is_enough(rows.is_positive[mine], settings):
            found[version] = _fit(rows, mine, windows, settings)
    return found


def _fit(
    rows: LabelledRows,
    mine: Flags,
    windows: npt.NDArray[np.int64],
    settings: MonitorSettings,
) -> Calibration:
    whole = fit_calibration(rows.probability[mine], rows.is_positive[mine])
    moved = []
    for window in np.unique(windows[mine]):
        own = mine & (windows == window)
        if _is_enough(rows.is_positive[own], settings):
            calibrated = whole.apply(rows.probability[own])
            moved.append(fit_recalibration(calibrated, rows.is_positive[own]))
    return Calibration(
        served=whole.served,
        rates=whole.rates,
        num_rows=whole.num_rows,
        windows=tuple(moved),
    )


def _is_enough(is_positive: Flags, settings: MonitorSettings) -> bool:
    count = len(is_positive)
    return count >= settings.min_labelled and 0 < int(is_positive.sum()) < count

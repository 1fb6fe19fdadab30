"""AUC, log loss and calibration: by hand, against scikit-learn, and by simulation."""

import math

import numpy as np
import pytest
from sklearn.metrics import log_loss as sklearn_log_loss
from sklearn.metrics import roc_auc_score

from serving.monitoring.quality_metrics import (
    auc,
    calibration,
    log_loss,
    reliability,
    tenths,
    wilson,
)

Z = 1.959963984540054


def rows(num, seed=1):
    """Returns predictions that are right about their own chances, and what came."""
    generator = np.random.default_rng(seed)
    chances = generator.random(num) ** 2
    return chances, generator.random(num) < chances


def test_auc_and_delongs_variance_by_hand():
    # Positives 0.9, 0.4; negatives 0.8, 0.3, 0.1. Above: 0.9 beats 3, 0.4 beats 2.
    measured = auc(
        np.array([0.9, 0.8, 0.4, 0.3, 0.1]),
        np.array([True, False, True, False, False]),
        0.95,
    )
    assert measured.value == pytest.approx(5 / 6)
    # V10 = (1, 2/3), variance 1/18; V01 = (1/2, 1, 1), variance 1/12.
    half = Z * math.sqrt(1 / 18 / 2 + 1 / 12 / 3)
    assert measured.low == pytest.approx(5 / 6 - half)
    assert measured.high == 1.0


def test_equal_predictions_count_half():
    measured = auc(np.array([0.5, 0.5, 0.7]), np.array([True, False, False]), 0.95)
    assert measured.value == pytest.approx(0.25)
    # One positive has no variance: no bounds, and no false certainty.
    assert (measured.low, measured.high) == (None, None)


def test_a_perfect_order_has_no_bounds():
    measured = auc(
        np.array([0.1, 0.2, 0.8, 0.9]), np.array([False, False, True, True]), 0.95
    )
    assert (measured.value, measured.low, measured.high) == (1.0, None, None)


def test_auc_and_log_loss_are_scikit_learns():
    chances, came = rows(4000)
    chances = chances.round(2)
    assert auc(chances, came, 0.95).value == pytest.approx(roc_auc_score(came, chances))
    clipped = np.clip(chances, 1e-7, 1 - 1e-7)
    assert log_loss(chances, came, 0.95).value == pytest.approx(
        sklearn_log_loss(came, clipped)
    )


def test_log_loss_by_hand():
    measured = log_loss(np.array([0.8, 0.4]), np.array([True, False]), 0.95)
    losses = [-math.log(0.8), -math.log(0.6)]
    assert measured.value == pytest.approx(sum(losses) / 2)
    # Standard deviation of two values: their distance by the root of two.
    half = Z * abs(losses[0] - losses[1]) / 2
    assert measured.high == pytest.approx(sum(losses) / 2 + half)
    assert measured.low == pytest.approx(sum(losses) / 2 - half)


def test_a_certain_wrong_prediction_costs_much_and_not_infinitely():
    measured = log_loss(np.array([0.0, 0.5]), np.array([True, False]), 0.95)
    assert measured.value == pytest.approx((-math.log(1e-7) + math.log(2)) / 2)
    assert measured.low == 0.0


def test_calibration_by_hand():
    # Means 0.5 and 0.5; var(p) = 0.02, var(y) = 1/3, cov = 0.2/3.
    measured = calibration(
        np.array([0.6, 0.6, 0.4, 0.4]), np.array([True, True, False, False]), 0.95
    )
    assert measured.value == pytest.approx(1.0)
    variance = (0.04 / 3 / 0.25 + 1 / 3 / 0.25 - 2 * 0.2 / 3 / 0.25) / 4
    assert measured.high == pytest.approx(math.exp(Z * math.sqrt(variance)))
    assert measured.low == pytest.approx(math.exp(-Z * math.sqrt(variance)))


def test_intervals_hold_the_truth_as_often_as_they_say():
    chances, came = rows(400_000, seed=2)
    truth = (auc(chances, came, 0.95).value, log_loss(chances, came, 0.95).value, 1.0)
    held = np.zeros(3)
    for seed in range(400):
        chances, came = rows(300, seed=seed + 10)
        for place, measure in enumerate((auc, log_loss, calibration)):
            found = measure(chances, came, 0.95)
            held[place] += found.low <= truth[place] <= found.high
    # 95 %, four standard errors of 1.1 % off at most.
    assert (np.abs(held / 400 - 0.95) < 0.044).all(), held / 400


def test_reliability_shows_tenths_with_wilsons_interval():
    chances = np.arange(100) / 100
    came = chances >= 0.5
    curve = reliability(chances, came, 0.95)
    assert [one.num_rows for one in curve] == [10] * 10
    assert [one.rate for one in curve] == [0.0] * 5 + [1.0] * 5
    assert curve[0].mean_prediction == pytest.approx(0.045)
    # Wilson for 0 of 10: upper end z^2 / (10 + z^2).
    assert curve[0].low == 0.0
    assert curve[0].high == pytest.approx(Z**2 / (10 + Z**2))


def test_equal_predictions_are_never_parted_in_tenths():
    values = np.array([0.2] * 95 + [0.9] * 5)
    assert len(np.unique(tenths(values, values)[:95])) == 1
    assert len(reliability(values, values > 0.5, 0.95)) == 2


def test_wilson_by_hand():
    # Half of 4: centre 0.5, half width z sqrt(1/16 + z^2/64) / (1 + z^2/4).
    low, high = wilson(2, 4, 0.95)
    half = Z * math.sqrt(1 / 16 + Z**2 / 64) / (1 + Z**2 / 4)
    assert (low, high) == (pytest.approx(0.5 - half), pytest.approx(0.5 + half))

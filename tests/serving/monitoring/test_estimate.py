"""Quality without labels: what it expects, and that it holds where it may."""

import numpy as np
import pyarrow as pa
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from serving.monitoring.estimate import (
    ServedScores,
    estimate_of,
    expected_confusion,
)
from serving.monitoring.estimate_calibration import (
    Calibration,
    calibrations_of,
    fit_calibration,
    fit_recalibration,
)
from serving.monitoring.monitor_settings import MonitorSettings
from serving.monitoring.quality import quality_of

SETTINGS = MonitorSettings(window="1d", clock="time", min_labelled=100, min_rows=100)
DAY_US = 86_400_000_000


def days(first, count, *, rows=1000, level=0.0, version=3, labelled=True):
    """Returns a log of some days by a model that says 0.7 times what comes.

    On each day the logit of every rate is off by a normal number times `level`.
    """
    generator = np.random.default_rng(first + 1)
    parts = []
    for day in range(first, first + count):
        chances = generator.beta(2, 4, rows)
        logits = np.log(chances / (1 - chances)) + level * generator.normal()
        came = generator.random(rows) < 1 / (1 + np.exp(-logits))
        moment = np.full(rows, day * DAY_US)
        label = pa.array(came.astype(float), pa.float64())
        parts.append(
            pa.table(
                {
                    "time": pa.array(moment).cast(pa.timestamp("us", tz="UTC")),
                    "version": pa.array([version] * rows),
                    "outputs": pa.array(
                        [{"probability": 0.7 * one} for one in chances]
                    ),
                    "label": label if labelled else pa.nulls(rows, pa.float64()),
                }
            )
        )
    return pa.concat_tables(parts)


# What is to be expected


def test_expected_metrics_by_hand():
    served, expected = np.array([0.2, 0.6]), np.array([0.25, 0.5])
    found = ServedScores(served).metrics(expected)
    # Pairs c_i (1 - c_j): 0.6 above 0.2 counts 0.5 * 0.75; each with itself half.
    above, own = 0.5 * 0.75, 0.25 * 0.75 + 0.5 * 0.5
    assert found["auc"] == pytest.approx((above + own / 2) / (0.75 * 1.25))
    loss = 0.25 * np.log(0.2) + 0.75 * np.log(0.8) + 0.5 * np.log(0.6 * 0.4)
    assert found["log_loss"] == pytest.approx(-loss / 2)
    assert found["calibration"] == pytest.approx(0.4 / 0.375)


def test_labels_for_chances_give_the_measured_values():
    table = days(0, 1)
    measured = quality_of(table, SETTINGS)
    labels = table["label"].to_numpy()
    served = np.array([one["probability"] for one in table["outputs"].to_pylist()])
    found = ServedScores(served).metrics(labels)
    for name, value in found.items():
        assert value == pytest.approx(measured.metrics[name].value), name


def test_the_expected_confusion_by_hand():
    found = expected_confusion(np.array([0.2, 0.5, 0.9]), np.array([0.1, 0.4, 0.8]))
    assert found.true_positives == pytest.approx(1.2)
    assert found.false_positives == pytest.approx(0.8)
    assert found.false_negatives == pytest.approx(0.1)
    assert found.true_negatives == pytest.approx(0.9)


# Calibration


def test_isotonic_calibration_is_scikit_learns():
    generator = np.random.default_rng(3)
    served = generator.random(400).round(2)
    came = generator.random(400) < served**1.5
    found = fit_calibration(served, came)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(served, came)
    asked = np.linspace(0, 1, 51)
    assert found.apply(asked) == pytest.approx(theirs.predict(asked), abs=1e-9)


def test_many_rows_are_put_together_and_the_curve_stays():
    generator = np.random.default_rng(4)
    served = generator.random(50_000)
    found = fit_calibration(served, generator.random(50_000) < served)
    assert len(found.served) <= 500
    middle = np.linspace(0.05, 0.95, 19)
    assert found.apply(middle) == pytest.approx(middle, abs=0.05)


def test_recalibration_is_a_logistic_regression_with_its_prior():
    generator = np.random.default_rng(5)
    chances = generator.beta(2, 3, 5000)
    logits = np.log(chances / (1 - chances))
    came = generator.random(5000) < 1 / (1 + np.exp(-(0.5 + 1.3 * logits)))
    found = fit_recalibration(chances, came)
    # A prior of weight one row or so beside 5,000 rows: nearly none.
    theirs = LogisticRegression(C=1e9).fit(logits[:, np.newaxis], came)
    assert found.level == pytest.approx(theirs.intercept_[0], abs=0.01)
    assert found.slope == pytest.approx(theirs.coef_[0, 0], abs=0.01)


def test_few_rows_of_one_window_stay_near_the_curve():
    calibrated, came = np.array([0.1, 0.2]), np.array([True, True])
    found = fit_recalibration(calibrated, came)
    # At the maximum, what the labels pull is what the prior holds: 0 and 1 are its
    # centre, 1 its standard deviation.
    missing = 1 - found.apply(calibrated)
    logits = np.log(calibrated / (1 - calibrated))
    assert found.level - 0 == pytest.approx(missing.sum())
    assert found.slope - 1 == pytest.approx((missing * logits).sum())


def test_each_version_is_calibrated_by_itself_and_too_few_labels_not_at_all():
    tables = [
        days(0, 3),
        days(3, 1, version=4),
        days(4, 1, version=5, rows=50),
        days(5, 1, version=6, labelled=False),
    ]
    found = calibrations_of(pa.concat_tables(tables), SETTINGS)
    assert {version: one.num_rows for version, one in found.items()} == {
        3: 3000,
        4: 1000,
    }
    assert [len(one.windows) for one in found.values()] == [3, 1]


def test_only_the_latest_windows_are_learned_from():
    found = calibrations_of(days(0, 40, rows=200), SETTINGS)[3]
    assert len(found.windows) == 30
    assert found.num_rows == 30 * 200


# The estimate


def test_an_estimate_looks_at_no_label_of_its_window():
    calibrations = calibrations_of(days(0, 10), SETTINGS)
    table = days(10, 1)
    without = table.set_column(3, "label", pa.nulls(len(table), pa.float64()))
    assert estimate_of(table, SETTINGS, calibrations) == estimate_of(
        without, SETTINGS, calibrations
    )


def test_an_estimate_is_marked_with_its_assumption():
    estimate = estimate_of(
        days(10, 1), SETTINGS, calibrations_of(days(0, 10), SETTINGS)
    )
    assert estimate.is_estimate
    assert "without labels" in estimate.method
    assert "no concept drift" in estimate.method
    assert "between 10 earlier windows" in estimate.method


def test_an_estimate_corrects_what_the_model_says():
    calibrations = calibrations_of(days(0, 20), SETTINGS)
    estimate = estimate_of(days(20, 1), SETTINGS, calibrations)
    # The model says 0.7 of what comes.
    assert estimate.metrics["calibration"].value == pytest.approx(0.7, abs=0.02)


@pytest.mark.parametrize("level", [0.0, 0.3], ids=["steady", "moving"])
def test_intervals_hold_what_labels_show_afterwards(level):
    held, width = np.zeros(3), 0.0
    table = days(0, 70, rows=400, level=level)
    for day in range(30, 70):
        calibrations = calibrations_of(table.slice((day - 30) * 400, 12_000), SETTINGS)
        window = table.slice(day * 400, 400)
        estimate = estimate_of(window, SETTINGS, calibrations)
        measured = quality_of(window, SETTINGS)
        for place, (name, found) in enumerate(estimate.metrics.items()):
            held[place] += found.low <= measured.metrics[name].value <= found.high
        width += estimate.metrics["log_loss"].high - estimate.metrics["log_loss"].low
    # 95 % of 40, three standard errors of 3.4 % off at most.
    assert (held / 40 >= 0.85).all(), held / 40
    assert width / 40 < 0.4


def test_concept_drift_is_not_noticed():
    calibrations = calibrations_of(days(0, 20), SETTINGS)
    window = days(20, 1)
    turned = window.set_column(3, "label", pa.array(1 - window["label"].to_numpy()))
    estimate = estimate_of(turned, SETTINGS, calibrations)
    assert quality_of(turned, SETTINGS).metrics["auc"].value < 0.4
    assert estimate.metrics["auc"].value > 0.6


def test_few_earlier_windows_give_no_interval_and_say_so():
    estimate = estimate_of(days(4, 1), SETTINGS, calibrations_of(days(0, 4), SETTINGS))
    assert estimate.metrics["auc"].value is not None
    assert (estimate.metrics["auc"].low, estimate.metrics["auc"].high) == (None, None)
    assert "no interval: 4 earlier windows have labels" in estimate.method


def test_rows_of_a_version_without_labels_are_left_out_of_the_estimate():
    calibrations = calibrations_of(days(0, 10), SETTINGS)
    table = pa.concat_tables([days(10, 1), days(10, 1, version=4)])
    estimate = estimate_of(table, SETTINGS, calibrations)
    assert (estimate.coverage, estimate.num_rows) == (0.5, 1000)
    assert estimate_of(days(10, 1, version=4), SETTINGS, calibrations) is None


def test_too_few_rows_are_not_estimated():
    calibrations = calibrations_of(days(0, 10), SETTINGS)
    assert estimate_of(days(10, 1, rows=99), SETTINGS, calibrations) is None
    assert estimate_of(days(10, 1), SETTINGS, {}) is None


def test_a_curve_of_certainties_is_not_estimated():
    flat = Calibration(served=np.array([0.5]), rates=np.array([0.0]), num_rows=500)
    assert estimate_of(days(10, 1), SETTINGS, {3: flat}) is None

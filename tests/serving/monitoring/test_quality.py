"""Quality of a window: judged where labels allow it, refused in words where not."""

import numpy as np
import pyarrow as pa
import pytest

from serving.monitoring.monitor_settings import MonitorSettings
from serving.monitoring.quality import quality_of
from serving.monitoring.quality_labels import coverage_by_tenth, labelled_rows

SETTINGS = MonitorSettings(min_labelled=100)


def log_table(probability, labels, kind=None):
    outputs = pa.array([{"probability": one} for one in probability])
    columns = {"version": pa.array([3] * len(probability)), "outputs": outputs}
    if labels is not None:
        columns["label"] = pa.array(labels, kind)
    return pa.table(columns)


def ride_table(num=1000, labelled=None):
    generator = np.random.default_rng(5)
    chances = generator.random(num)
    came = (generator.random(num) < chances).astype(float).tolist()
    if labelled is not None:
        known = labelled(chances).tolist()
        came = [
            one if is_known else None for one, is_known in zip(came, known, strict=True)
        ]
    return log_table(chances.tolist(), came)


def test_all_labels_give_all_metrics_without_a_remark():
    quality = quality_of(ride_table(), SETTINGS)
    assert set(quality.metrics) == {"auc", "log_loss", "calibration"}
    assert (quality.coverage, quality.num_rows, quality.is_estimate) == (
        1.0,
        1000,
        False,
    )
    # Uniform chances that are true: AUC 5/6, log loss 1/2, calibration 1.
    assert quality.metrics["auc"].value == pytest.approx(5 / 6, abs=0.03)
    assert quality.metrics["log_loss"].value == pytest.approx(0.5, abs=0.05)
    assert quality.metrics["calibration"].value == pytest.approx(1.0, abs=0.05)
    assert "have labels" not in quality.method


def test_without_labels_nothing_is_known():
    assert quality_of(log_table([0.5] * 200, None), SETTINGS) is None
    assert quality_of(log_table([0.5] * 200, [None] * 200, pa.float64()), SETTINGS) is (
        None
    )


def test_too_few_labels_are_refused_in_words():
    quality = quality_of(log_table([0.1, 0.9] * 45, [0.0, 1.0] * 45), SETTINGS)
    assert quality.metrics == {}
    assert quality.method == (
        "not judged: labels have come for 90 rows; expected at least 100"
    )


def test_one_class_is_refused_in_words():
    quality = quality_of(log_table([0.1, 0.9] * 100, [0.0] * 200), SETTINGS)
    assert quality.metrics == {}
    assert "all 200 labels that have come are negative" in quality.method


def test_labels_of_no_two_classes_are_refused_in_words():
    quality = quality_of(log_table([0.1, 0.9] * 100, [0.0, 2.0] * 100), SETTINGS)
    assert "labels are 0.0, 2.0; expected 0 and 1" in quality.method
    texts = log_table([0.1, 0.9] * 100, ["late", "on_time"] * 100)
    assert "positive_label" in quality_of(texts, SETTINGS).method


def test_text_labels_are_judged_by_the_positive_one():
    table = log_table([0.9, 0.1] * 100, ["late", "on_time"] * 100)
    settings = MonitorSettings(min_labelled=100, positive_label="late")
    assert quality_of(table, settings).metrics["auc"].value == 1.0


def test_rows_without_a_prediction_do_not_count():
    table = log_table([None, 0.9, 0.2] * 100, [1.0, 1.0, 0.0] * 100)
    quality = quality_of(table, SETTINGS)
    assert quality.num_rows == 200
    assert quality.coverage == pytest.approx(2 / 3)


def test_uneven_coverage_is_said_to_be_no_random_choice():
    quality = quality_of(ride_table(labelled=lambda chances: chances < 0.5), SETTINGS)
    assert "by tenths of the prediction from low to high 100%, 100%" in quality.method
    assert "rows with labels are no random choice" in quality.method


def test_even_coverage_is_told_and_not_blamed():
    quality = quality_of(
        ride_table(10_000, labelled=lambda chances: np.arange(len(chances)) % 2 == 0),
        SETTINGS,
    )
    assert "50% of the rows have labels" in quality.method
    assert "no random choice" not in quality.method


def test_coverage_by_tenth_by_hand():
    chances = [place / 20 for place in range(20)]
    labels = [1.0 if place % 2 or place < 2 else None for place in range(20)]
    rows = labelled_rows(log_table(chances, labels), SETTINGS)
    assert coverage_by_tenth(rows) == (1.0, *[0.5] * 9)


def test_a_model_of_several_classes_has_no_quality_here():
    outputs = pa.array([{"probability": [0.2, 0.8]}] * 3)
    table = pa.table(
        {"version": [1] * 3, "outputs": outputs, "label": pa.array([1.0, 0.0, 1.0])}
    )
    assert quality_of(table, SETTINGS) is None

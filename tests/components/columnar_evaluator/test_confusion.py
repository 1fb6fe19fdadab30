"""Confusion matrices and the areas under their curves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_model_analysis.metrics import (
    binary_confusion_matrices,
    calibration_histogram,
)
from tensorflow_model_analysis.proto import config_pb2

from components.columnar_evaluator.confusion import confusion_matrices
from components.columnar_evaluator.histogram import tally
from components.columnar_evaluator.metrics import build_computations, combiner_outputs


def tfma_matrices(counted):
    """Returns TFMA's own matrices of the same histogram."""
    buckets = [
        calibration_histogram.Bucket(int(bucket), float(positives), 0.0, float(rows))
        for bucket, positives, rows in zip(
            counted.bucket_ids,
            counted.bucket_positives,
            counted.bucket_rows,
            strict=True,
        )
    ]
    histogram, matrices = binary_confusion_matrices.binary_confusion_matrices(
        num_thresholds=10_000
    )
    return matrices.result({histogram.keys[0]: buckets})[matrices.keys[0]]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 1),
            st.one_of(
                st.floats(0, 1, width=32),
                st.integers(0, 10_000).map(lambda n: n / 10_000),
                st.integers(0, 9_999).map(lambda n: n / 9_999),
            ),
        ),
        max_size=30,
    )
)
def test_matrices_are_tfmas_to_the_last_bit(rows):
    counted = tally(
        np.array([label for label, _ in rows], np.int64),
        np.array([p for _, p in rows], np.float64),
    )
    ours, stock = confusion_matrices(counted), tfma_matrices(counted)
    for name in ("thresholds", "tp", "tn", "fp", "fn"):
        assert np.array_equal(getattr(ours, name), getattr(stock, name)), name


def evaluate(labels, predictions, class_name):
    metric = config_pb2.MetricConfig(class_name=class_name)
    computations = build_computations(
        config_pb2.EvalConfig(
            model_specs=[config_pb2.ModelSpec()],
            metrics_specs=[config_pb2.MetricsSpec(metrics=[metric])],
        )
    )
    counted = tally(np.array(labels, np.int64), np.array(predictions))
    metrics = combiner_outputs(computations.non_derived_computations, {"": counted})
    for computation in computations.derived_computations:
        metrics.update(computation.result(metrics))
    (value,) = (v for key, v in metrics.items() if not key.name.startswith("_"))
    return value


def test_auc_of_six_rows_by_hand():
    # Positives 0.9, 0.6, 0.4; negatives 0.7, 0.4, 0.1. Of 9 pairs the positive is
    # higher in 3 + 2 + 1 = 6, and one is a tie: (6 + 0.5) / 9.
    labels = [1, 1, 1, 0, 0, 0]
    predictions = [0.9, 0.6, 0.4, 0.7, 0.4, 0.1]
    assert evaluate(labels, predictions, "AUC") == pytest.approx(6.5 / 9, abs=1e-12)


def test_other_metrics_of_four_rows_by_hand():
    labels, predictions = [1, 0, 1, 0], [0.75, 0.25, 0.5, 0.5]
    assert evaluate(labels, predictions, "Calibration") == 1.0
    assert evaluate(labels, predictions, "MeanLabel") == 0.5
    assert evaluate(labels, predictions, "MeanPrediction") == 0.5
    assert evaluate(labels, predictions, "ExampleCount") == 4
    # 0.5 is not above the threshold: the third row is predicted 0.
    assert evaluate(labels, predictions, "BinaryAccuracy") == 0.75
    expected = -(2 * np.log(0.75) + 2 * np.log(0.5)) / 4
    value = evaluate(labels, predictions, "BinaryCrossEntropy")
    assert value == pytest.approx(expected, abs=1e-12)

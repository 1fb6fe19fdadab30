"""Turns tallies into TFMA's metrics with TFMA's own code.

TFMA computes a metric in two steps: a combiner adds up rows, and a derived computation
makes the metric of what was added up. The first step is replaced by tallies; the second
stays TFMA's, so a metric here is TFMA's metric.
"""

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from components.columnar_evaluator.histogram import THRESHOLD, UNITS, Tally


def build_computations(eval_config: Any) -> Any:
    """Returns TFMA's computations, by kind and without duplicates.

    Args:
        eval_config: tfma.EvalConfig that supported.check_config accepted.
    """
    from tensorflow_model_analysis.evaluators import (
        metrics_plots_and_validations_evaluator as tfma_evaluator,
    )
    from tensorflow_model_analysis.metrics import metric_specs

    # Private, and the only place where TFMA sorts a config's computations.
    return tfma_evaluator._filter_and_separate_computations(
        metric_specs.to_computations(
            list(eval_config.metrics_specs), eval_config=eval_config
        )
    )


def combiner_outputs(computations: Any, tallies: Mapping[str, Tally]) -> dict[Any, Any]:
    """Returns what TFMA's combiners would have put out for the rows of one slice.

    Args:
        computations: TFMA's MetricComputations that use a combiner.
        tallies: Model name to its tally.

    Returns:
        TFMA's MetricKey to the combiner's output.

    Raises:
        KeyError: TFMA uses a combiner that has no tally: another version of TFMA.
    """
    outputs: dict[Any, Any] = {}
    for computation in computations:
        combiner = type(computation.combiner).__name__
        if combiner not in _ACCUMULATORS:
            raise KeyError(f"no tally stands for TFMA's combiner {combiner}.")
        key = computation.keys[0]
        accumulator = _ACCUMULATORS[combiner](tallies[key.model_name])
        outputs.update(computation.combiner.extract_output(accumulator))
    return outputs


def _histogram(tally: Tally) -> dict[int, Any]:
    from tensorflow_model_analysis.metrics.calibration_histogram import Bucket

    # weighted_predictions is read by calibration plots only, which are not supported.
    columns = (tally.bucket_ids, tally.bucket_positives, tally.bucket_rows)
    return {
        bucket: Bucket(bucket, float(positives), 0.0, float(rows))
        for bucket, positives, rows in zip(
            *(column.tolist() for column in columns), strict=True
        )
    }


def _sums(tally: Tally) -> SimpleNamespace:
    return SimpleNamespace(
        total_weighted_labels=float(tally.positives),
        total_weighted_predictions=tally.predictions / UNITS,
        total_weighted_examples=float(tally.rows),
    )


def _row_count(tally: Tally) -> float:
    return float(tally.rows)


def _cross_entropy(tally: Tally) -> SimpleNamespace:
    total = float("nan") if tally.certain else tally.cross_entropy / UNITS
    return SimpleNamespace(
        total_cross_entropy=total, total_example_weights=float(tally.rows)
    )


def _confusion_matrix(tally: Tally) -> dict[float, Any]:
    false_positives = tally.rows_above - tally.positives_above
    negatives = tally.rows - tally.positives
    matrix = SimpleNamespace(
        tp=float(tally.positives_above),
        tn=float(negatives - false_positives),
        fp=float(false_positives),
        fn=float(tally.positives - tally.positives_above),
    )
    return {
        THRESHOLD: SimpleNamespace(
            matrix=matrix,
            tp_examples=[],
            tn_examples=[],
            fp_examples=[],
            fn_examples=[],
        )
    }


_ACCUMULATORS: dict[str, Callable[[Tally], Any]] = {
    "_CalibrationHistogramCombiner": _histogram,
    "_WeightedLabelsPredictionsExamplesCombiner": _sums,
    "_ExampleCountCombiner": _row_count,
    "_BinaryCrossEntropyCombiner": _cross_entropy,
    "_BinaryConfusionMatrixCombiner": _confusion_matrix,
}
"""TFMA's combiner to the accumulator it would hold."""

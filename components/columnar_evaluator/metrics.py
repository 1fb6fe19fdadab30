"""Turns tallies into TFMA's metrics with TFMA's own code.

TFMA computes a metric in two steps: a combiner adds up rows, and a derived computation
makes the metric of what was added up. The first step is replaced by tallies. The second
stays TFMA's, so a metric here is TFMA's metric; only the confusion matrices between a
histogram and the areas under curves are made in vectorised form.
"""

import math
from collections.abc import Callable, Mapping
from functools import partial
from types import SimpleNamespace
from typing import Any

from components.columnar_evaluator.confusion import confusion_matrices
from components.columnar_evaluator.histogram import THRESHOLD, UNITS, Tally

_HISTOGRAM = "_CalibrationHistogramCombiner"
_HISTOGRAM_MATRICES = "_binary_confusion_matrices:num_thresholds=10000"
"""TFMA's names: of the combiner, and of the matrices that AUC and AUCPR read."""


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
    computations = tfma_evaluator._filter_and_separate_computations(
        metric_specs.to_computations(
            list(eval_config.metrics_specs), eval_config=eval_config
        )
    )
    return computations._replace(
        derived_computations=[
            _vectorised(computation, computations.non_derived_computations)
            for computation in computations.derived_computations
        ]
    )


def _vectorised(computation: Any, combined: Any) -> Any:
    """Returns the computation, or its vectorised twin if it reads a histogram."""
    (key,) = computation.keys
    if key.name != _HISTOGRAM_MATRICES:
        return computation
    (histogram,) = (
        other.keys[0]
        for other in combined
        if type(other.combiner).__name__ == _HISTOGRAM
        and other.keys[0].model_name == key.model_name
    )
    return computation._replace(result=partial(_matrices, key, histogram))


def _matrices(key: Any, histogram: Any, metrics: Mapping[Any, Any]) -> dict[Any, Any]:
    return {key: confusion_matrices(metrics[histogram])}


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
        if combiner != _HISTOGRAM and combiner not in _ACCUMULATORS:
            raise KeyError(f"no tally stands for TFMA's combiner {combiner}.")
        key = computation.keys[0]
        tally = tallies[key.model_name]
        if combiner == _HISTOGRAM:
            outputs[key] = tally
        else:
            accumulator = _ACCUMULATORS[combiner](tally)
            outputs.update(computation.combiner.extract_output(accumulator))
    return outputs


def _sums(tally: Tally) -> SimpleNamespace:
    return SimpleNamespace(
        total_weighted_labels=float(tally.positives),
        total_weighted_predictions=tally.predictions / UNITS,
        total_weighted_examples=float(tally.rows),
    )


def _row_count(tally: Tally) -> float:
    return float(tally.rows)


def _cross_entropy(tally: Tally) -> SimpleNamespace:
    total = tally.cross_entropy / UNITS
    if tally.certain_wrong:
        total = math.inf
    if tally.certain_right:  # NaN and infinity add up to NaN
        total = math.nan
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
    "_WeightedLabelsPredictionsExamplesCombiner": _sums,
    "_ExampleCountCombiner": _row_count,
    "_BinaryCrossEntropyCombiner": _cross_entropy,
    "_BinaryConfusionMatrixCombiner": _confusion_matrix,
}
"""TFMA's combiner to the accumulator it would hold."""

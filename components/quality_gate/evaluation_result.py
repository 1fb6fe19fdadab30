"""Reads what TFX's Evaluator wrote into plain slices of metrics."""

from collections.abc import Mapping
from typing import Any

from components.quality_gate.verdict import OVERALL, SliceMetrics

CANDIDATE = "candidate"
BASELINE = "baseline"


def load_slices(evaluation_uri: str, model_name: str) -> list[SliceMetrics]:
    """Returns every slice of one model, all rows first, then by column and value.

    Args:
        evaluation_uri: Folder of a ModelEvaluation artifact.
        model_name: CANDIDATE or BASELINE. With a single model TFMA writes no name;
            CANDIDATE then finds it all the same.
    """
    # The package itself has it only after tfx.v1 was imported.
    from tensorflow_model_analysis.api.model_eval_lib import load_eval_result

    result = load_eval_result(evaluation_uri, model_name=model_name)
    if not result.slicing_metrics and model_name == CANDIDATE:
        result = load_eval_result(evaluation_uri)
    slices = [_read_slice(key, metrics) for key, metrics in result.slicing_metrics]
    return sorted(slices, key=lambda part: (part.column, _natural(part.value)))


def _natural(value: str) -> tuple[int, float, str]:
    return (0, float(value), value) if value.isdigit() else (1, 0.0, value)


def _read_slice(key: tuple[Any, ...], outputs: Mapping[str, Any]) -> SliceMetrics:
    (by_sub_key,) = outputs.values()
    metrics = {
        name: float(value["doubleValue"])
        for name, value in by_sub_key[""].items()
        # TFMA adds each metric's difference from the baseline; verdicts take their own.
        if "doubleValue" in value and not name.endswith("_diff")
    }
    column, value = key[0] if key else (OVERALL, "")
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    return SliceMetrics(column=str(column), value=str(value), metrics=metrics)

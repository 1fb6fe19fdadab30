"""Refuses what of an EvalConfig this evaluator does not compute, before any work.

A metric that is silently left out would be noticed by the gate at the earliest.
"""

import json
from collections.abc import Iterator
from typing import Any

METRICS = (
    "AUC",
    "AUCPrecisionRecall",
    "BinaryAccuracy",
    "BinaryCrossEntropy",
    "Calibration",
    "ExampleCount",
    "MeanLabel",
    "MeanPrediction",
)
"""Class names as in TFMA's MetricConfig."""

_MODEL_FIELDS = {
    "name",
    "signature_name",
    "label_key",
    "prediction_key",
    "is_baseline",
    "model_type",
}
_REQUIRED_FIELDS = ("signature_name", "label_key", "prediction_key")
_METRICS_FIELDS = {"metrics", "model_names"}
_METRIC_FIELDS = {"class_name", "module", "config"}
_SLICING_FIELDS = {"feature_keys"}
_CONFIG_FIELDS = {"model_specs", "metrics_specs", "slicing_specs"}


class UnsupportedEvalConfigError(ValueError):
    """The EvalConfig asks for something that only TFX's own Evaluator computes."""


def check_config(config: Any) -> None:
    """Raises unless everything the config asks for is computed here.

    Args:
        config: tfma.EvalConfig proto.

    Raises:
        UnsupportedEvalConfigError: All that is not supported, each with its place.
    """
    problems = list(_problems(config))
    if problems:
        raise UnsupportedEvalConfigError(
            "ColumnarEvaluator cannot compute this eval_config: "
            f"{'; '.join(problems)}. Change it or use TFX's Evaluator."
        )


def _problems(config: Any) -> Iterator[str]:
    yield from _unknown(config, _CONFIG_FIELDS, "eval_config")
    if not config.model_specs:
        yield "model_specs is empty"
    for model in config.model_specs:
        yield from _model_problems(model)
    if not any(spec.metrics for spec in config.metrics_specs):
        yield "metrics_specs names no metric"
    for spec in config.metrics_specs:
        yield from _unknown(spec, _METRICS_FIELDS, "metrics_specs")
        for metric in spec.metrics:
            yield from _metric_problems(metric)
    for spec in config.slicing_specs:
        where = f"slicing_spec {{{' '.join(str(spec).split())}}}"
        yield from _unknown(spec, _SLICING_FIELDS, where)


def _model_problems(model: Any) -> Iterator[str]:
    where = f"model_spec {model.name!r}"
    yield from _unknown(model, _MODEL_FIELDS, where)
    for field in _REQUIRED_FIELDS:
        if not getattr(model, field):
            yield f"{where} has no {field}"


def _metric_problems(metric: Any) -> Iterator[str]:
    if metric.class_name not in METRICS:
        yield (
            f"metric {metric.class_name!r} is not supported; "
            f"supported are {', '.join(METRICS)}"
        )
        return
    where = f"metric {metric.class_name!r}"
    yield from _unknown(metric, _METRIC_FIELDS, where)
    try:
        settings = json.loads(metric.config or "{}")
    except json.JSONDecodeError as error:
        yield f"{where} has a config that is no JSON ({error})"
        return
    others = sorted(set(settings) - {"name"})
    if others:
        yield f"{where} sets {', '.join(others)}, and only its name can be set"


def _unknown(message: Any, known: set[str], where: str) -> Iterator[str]:
    others = [
        field.name for field, _ in message.ListFields() if field.name not in known
    ]
    if others:
        yield f"{where} sets {', '.join(others)}, which is not supported"

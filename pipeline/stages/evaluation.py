"""Stage 5, a model to a verdict in words."""

import dataclasses
import json
from typing import Any, NamedTuple

from google.protobuf import json_format

from components.columnar_evaluator.component import ColumnarEvaluator
from components.quality_gate.component import QualityGate
from pipeline.eval_config import build_eval_config
from pipeline.stage_configs import EvaluationConfig


class Evaluation(NamedTuple):
    """Components of this stage, in order."""

    baseline_resolver: Any
    evaluator: Any
    quality_gate: Any


def create_evaluation(
    config: EvaluationConfig,
    *,
    label: str,
    examples: Any,
    model: Any,
    baseline_resolver: Any,
) -> Evaluation:
    """Measures a model and the last blessed one on the same rows and judges it.

    Args:
        config: The evaluation settings.
        label: The label's column.
        examples: ExampleGen's output channel; raw rows.
        model: The trained model's channel.
        baseline_resolver: The node that finds the model to compare with.
    """
    baseline = baseline_resolver.outputs["model"]
    evaluator = ColumnarEvaluator(
        examples=examples,
        model=model,
        baseline_model=baseline,
        eval_config=json_format.MessageToJson(build_eval_config(config, label)),
    ).with_id("evaluator")
    quality_gate = QualityGate(
        evaluation=evaluator.outputs["evaluation"],
        model=model,
        baseline_model=baseline,
        thresholds=json.dumps(
            [dataclasses.asdict(threshold) for threshold in config.thresholds]
        ),
        confidence=config.confidence,
    ).with_id("quality_gate")
    return Evaluation(baseline_resolver, evaluator, quality_gate)

"""QualityGate: thresholds on TFMA's metrics decide whether a model is blessed."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

from tfx.dsl.component.experimental.annotations import (
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import Model, ModelBlessing, ModelEvaluation

from components.published_baseline.found import found_baseline
from components.quality_gate.evaluation_result import BASELINE, CANDIDATE, load_slices
from components.quality_gate.verdict import SliceMetrics, Verdict, judge

VERDICT_FILE = "verdict.json"


@component
def QualityGate(
    evaluation: InputArtifact[ModelEvaluation],
    model: InputArtifact[Model],
    blessing: OutputArtifact[ModelBlessing],
    thresholds: Parameter[str],
    confidence: Parameter[float],
    baseline_model: InputArtifact[Model] = None,
) -> None:
    """Blesses a model whose metrics meet every threshold.

    It replaces the blessing that Evaluator can write: a threshold here names its
    slices and the least number of rows, and the outcome is a sentence.

    Args:
        evaluation: Evaluator's output, without thresholds of its own.
        model: The candidate that was evaluated.
        blessing: {uri}/BLESSED or {uri}/NOT_BLESSED (empty) and {uri}/verdict.json
            (every check, every slice with intervals). Custom properties `blessed`
            (1 or 0), `current_model`, `current_model_id`, `baseline_model`,
            `baseline_model_id` as TFX's Evaluator writes them, and `verdict`.
        thresholds: JSON list of pipeline.stage_configs.Threshold settings.
        confidence: Level of the intervals, in (0, 1).
        baseline_model: The last blessed model, if there is one; one that is marked
            absent counts as none (components/published_baseline).

    Raises:
        KeyError: The evaluation holds no metrics of the candidate.

    Example:
        QualityGate(
            evaluation=evaluator.outputs["evaluation"],
            model=trainer.outputs["model"],
            thresholds='[{"metric": "auc", "min": 0.6, "min_examples": 1}]',
            confidence=0.95,
        )
    """
    slices = load_slices(evaluation.uri, CANDIDATE)
    if not slices:
        raise KeyError(f"{evaluation.uri} holds no metrics of the candidate model.")
    found = found_baseline(baseline_model)
    has_baseline = found is not None
    baseline = load_slices(evaluation.uri, BASELINE) if has_baseline else None
    verdict = judge(slices, baseline, json.loads(thresholds))
    write_verdict(Path(blessing.uri), verdict, slices, baseline, confidence)
    blessing.set_int_custom_property("blessed", int(verdict.is_blessed))
    blessing.set_string_custom_property("verdict", verdict.sentence)
    blessing.set_string_custom_property("current_model", model.uri)
    blessing.set_int_custom_property("current_model_id", model.id)
    if has_baseline:
        blessing.set_string_custom_property("baseline_model", found.uri)
        blessing.set_int_custom_property("baseline_model_id", found.id)


def write_verdict(
    folder: Path,
    verdict: Verdict,
    slices: list[SliceMetrics],
    baseline: list[SliceMetrics] | None,
    confidence: float,
) -> None:
    """Writes verdict.json and the marker file TFX's users look for."""

    def as_json(part: SliceMetrics) -> dict[str, Any]:
        intervals = {name: part.interval(name, confidence) for name in part.metrics}
        return {
            "slice": part.name,
            "metrics": {
                name: None if math.isnan(value) else value
                for name, value in part.metrics.items()
            },
            "intervals": {
                name: dataclasses.asdict(interval)
                for name, interval in intervals.items()
                if interval
            },
        }

    document = {
        "format_version": 1,
        **dataclasses.asdict(verdict),
        "confidence": confidence,
        "model": [as_json(part) for part in slices],
        "baseline": None if baseline is None else [as_json(part) for part in baseline],
    }
    (folder / VERDICT_FILE).write_text(json.dumps(document, indent=1), encoding="utf-8")
    (folder / ("BLESSED" if verdict.is_blessed else "NOT_BLESSED")).touch()

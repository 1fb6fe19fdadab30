"""ColumnarEvaluator: TFMA's metrics by slice, from batched predictions."""

import apache_beam as beam
from google.protobuf import json_format
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.utils import config_util
from tfx.dsl.component.experimental.annotations import (
    BeamComponentParameter,
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component

# v1 lacks them: where an Examples artifact keeps a split, and a Model its SavedModel.
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import Examples, Model, ModelEvaluation
from tfx.utils import io_utils, path_utils

from components.columnar_evaluator.evaluate import evaluate
from components.columnar_evaluator.supported import check_config
from components.published_baseline.found import found_baseline

SPLIT = "eval"


@component(use_beam=True)
def ColumnarEvaluator(
    examples: InputArtifact[Examples],
    model: InputArtifact[Model],
    evaluation: OutputArtifact[ModelEvaluation],
    eval_config: Parameter[str],
    baseline_model: InputArtifact[Model] = None,
    beam_pipeline: BeamComponentParameter[beam.Pipeline] = None,
) -> None:
    """Measures a model, and a baseline if there is one, on the same rows.

    The numbers and the files are those of TFX's Evaluator; README.md says what is
    supported. Thresholds are not: components/quality_gate judges.

    Args:
        examples: Reads {uri}/Split-eval/*, gzipped TFRecords of raw tf.Examples.
        model: The candidate; reads {uri}/Format-Serving.
        evaluation: {uri}/metrics-*.tfrecord, validations.tfrecord, eval_config.json,
            which tfma.load_eval_result reads. No custom property.
        eval_config: JSON of a tfma.EvalConfig. Without a baseline, its spec of a
            baseline is dropped and the candidate gets no name, as in TFX's Evaluator.
        baseline_model: The model to compare with, if there is one; one that is
            marked absent counts as none (components/published_baseline).
        beam_pipeline: Set by TFX.

    Raises:
        UnsupportedEvalConfigError: The config asks for something not computed here.
        EmptyEvaluationError: The split holds no row.
        ValueError: A prediction is NaN or no probability, or a label is not 0 or 1.

    Example:
        ColumnarEvaluator(
            examples=example_gen.outputs["examples"],
            model=trainer.outputs["model"],
            baseline_model=baseline_resolver.outputs["model"],
            eval_config=json_format.MessageToJson(build_eval_config(config, label)),
        )
    """
    asked = json_format.Parse(eval_config, config_pb2.EvalConfig())
    baseline = found_baseline(baseline_model)
    config = as_computed(asked, has_baseline=baseline is not None)
    check_config(config)
    paths = {
        spec.name: path_utils.serving_model_path(
            (baseline if spec.is_baseline else model).uri
        )
        for spec in config.model_specs
    }
    split_uri = artifact_utils.get_split_uri([examples], SPLIT)
    files = fileio.glob(io_utils.all_files_pattern(split_uri))
    with beam_pipeline as pipeline:
        evaluate(pipeline, files, config, paths, evaluation.uri)


def as_computed(
    asked: config_pb2.EvalConfig, *, has_baseline: bool
) -> config_pb2.EvalConfig:
    """Returns the config with the model names that TFX's Evaluator would write."""
    config = config_util.update_eval_config_with_defaults(
        asked, has_baseline=has_baseline, rubber_stamp=True
    )
    config_util.verify_eval_config(config)
    return config

"""Writes metrics as TFMA's own writers do, so that TFMA's readers take them.

{output_uri}/
    metrics-00000-of-00001.tfrecord        MetricsForSlice, one record a slice
    validations.tfrecord                   ValidationResult without thresholds
    eval_config.json                       the config as it was computed
"""

import os
from collections.abc import Mapping
from typing import Any

import apache_beam as beam


def write_result(
    metrics: beam.PCollection,
    eval_config: Any,
    model_paths: Mapping[str, str],
    output_uri: str,
) -> None:
    """Adds TFMA's writers to the pipeline of the metrics.

    Args:
        metrics: (slice key, metrics by MetricKey) pairs; written in their order.
        eval_config: tfma.EvalConfig the metrics were computed by.
        model_paths: Model name to its SavedModel's folder.
        output_uri: Folder, created if missing.
    """
    from tensorflow_model_analysis import constants
    from tensorflow_model_analysis.evaluators import metrics_validator
    from tensorflow_model_analysis.writers import (
        eval_config_writer,
        metrics_plots_and_validations_writer,
    )

    keys = (constants.METRICS_KEY, constants.VALIDATIONS_KEY)
    evaluation = {
        constants.METRICS_KEY: metrics,
        constants.VALIDATIONS_KEY: metrics
        | "ValidateMetrics"
        >> beam.Map(metrics_validator.validate_metrics, eval_config),
    }
    writers = (
        metrics_plots_and_validations_writer.MetricsPlotsAndValidationsWriter(
            output_paths={key: os.path.join(output_uri, key) for key in keys},  # noqa: PTH118 - may be a bucket
            eval_config=eval_config,
        ),
        eval_config_writer.EvalConfigWriter(
            output_uri, eval_config=eval_config, model_locations=dict(model_paths)
        ),
    )
    for writer in writers:
        _ = evaluation | writer.stage_name >> writer.ptransform

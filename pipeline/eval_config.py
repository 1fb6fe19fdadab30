"""Builds TFMA's EvalConfig, the one place that does.

Thresholds are not part of it: components/quality_gate judges, because TFMA's know
neither slices by value nor a least number of rows.
"""

# tfma.EvalConfig is missing unless tfx.v1 was imported before; the proto never is.
from tensorflow_model_analysis.proto import config_pb2

from components.quality_gate.evaluation_result import BASELINE, CANDIDATE
from pipeline.stage_configs import METRICS, EvaluationConfig

SIGNATURE = "serving_examples"
PREDICTION_KEY = "probability"


def build_eval_config(config: EvaluationConfig, label: str) -> config_pb2.EvalConfig:
    """Returns metrics and slices for a candidate and a baseline.

    Args:
        config: Slices to compute; every metric of METRICS is computed.
        label: Raw label column, 0 or 1.
    """
    models = [
        config_pb2.ModelSpec(
            name=name,
            signature_name=SIGNATURE,
            label_key=label,
            prediction_key=PREDICTION_KEY,
            is_baseline=name == BASELINE,
        )
        for name in (CANDIDATE, BASELINE)
    ]
    metrics = [
        config_pb2.MetricConfig(class_name=class_name)
        for class_name in METRICS.values()
    ]
    slices = [config_pb2.SlicingSpec()] + [
        config_pb2.SlicingSpec(feature_keys=[column]) for column in config.slices
    ]
    return config_pb2.EvalConfig(
        model_specs=models,
        metrics_specs=[config_pb2.MetricsSpec(metrics=metrics)],
        slicing_specs=slices,
    )

"""Names that the configuration and a component both list are the same names."""

from components.anomaly_gate.anomaly_kinds import KINDS
from components.columnar_evaluator.supported import check_config
from pipeline.eval_config import build_eval_config
from pipeline.stage_configs import (
    ANOMALY_KINDS,
    METRICS,
    EvaluationConfig,
    Threshold,
)


def test_configuration_knows_the_gates_anomaly_kinds():
    assert set(ANOMALY_KINDS) == set(KINDS)


def test_evaluator_computes_every_metric_a_threshold_can_name():
    config = EvaluationConfig(
        slices=("origin",), thresholds=(Threshold(metric="auc", min=0.5),)
    )
    built = build_eval_config(config, "is_late")

    check_config(built)
    asked = [metric.class_name for metric in built.metrics_specs[0].metrics]
    assert asked == list(METRICS.values())

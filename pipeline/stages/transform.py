"""Stage 3, raw Examples to transformed Examples and the graph that makes them."""

from typing import Any, NamedTuple

from components.columnar_transform.component import ColumnarTransform
from pipeline.stage_configs import TransformConfig


class TransformStage(NamedTuple):
    """Components of this stage."""

    transform: Any


def create_transform(
    config: TransformConfig, *, examples: Any, schema: Any, anomaly_gate: Any
) -> TransformStage:
    """Learns the preprocessing from the training split and applies it to both.

    Args:
        config: The transform settings.
        examples: ExampleGen's output channel.
        schema: The curated schema's channel.
        anomaly_gate: The component that must have let the data pass.
    """
    transform = ColumnarTransform(
        examples=examples, schema=schema, preprocessing_fn=config.preprocessing_fn
    ).with_id("transform")
    transform.add_upstream_node(anomaly_gate)
    return TransformStage(transform)

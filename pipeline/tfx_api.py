"""The part of tfx.v1 that the DAG uses, under the same names.

`tfx.v1` itself also imports Vertex AI's client, which no local run needs and which is a
third of the whole start-up (measured with `python -X importtime`).
"""

from tfx.components import (
    ExampleValidator,
    SchemaGen,
    Trainer,
    Tuner,
)
from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import (
    LatestBlessedModelStrategy,
)
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline
from tfx.proto.trainer_pb2 import EvalArgs, TrainArgs
from tfx.types.channel import Channel
from tfx.types.standard_artifacts import Model, ModelBlessing

__all__ = [
    "Channel",
    "EvalArgs",
    "ExampleValidator",
    "LatestBlessedModelStrategy",
    "Model",
    "ModelBlessing",
    "Pipeline",
    "Resolver",
    "SchemaGen",
    "TrainArgs",
    "Trainer",
    "Tuner",
    "sqlite_metadata_connection_config",
]

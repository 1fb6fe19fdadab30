"""Stage 6, a blessed model to a served version."""

import dataclasses
import json
from typing import Any, NamedTuple

from components.golden_batch_gen.component import GoldenBatchGen
from components.model_pusher.component import ModelPusher
from components.serving_validator.component import ServingValidator
from pipeline.dag_inputs import DagInputs
from pipeline.run_values import CODE_SLOT, RUN_ID_SLOT


class ServingCheck(NamedTuple):
    """Components that try a model before anything judges it."""

    golden_batch_gen: Any
    serving_validator: Any


def create_serving_check(
    inputs: DagInputs, *, examples: Any, schema: Any, transform_graph: Any, model: Any
) -> ServingCheck:
    """Chooses golden rows and replays them in a server of its own."""
    golden_batch_gen = GoldenBatchGen(
        examples=examples,
        schema=schema,
        transform_graph=transform_graph,
        model=model,
        features=json.dumps(inputs.features),
        model_name=inputs.config.name,
        max_rows=inputs.config.deployment.golden_rows,
    ).with_id("golden_batch_gen")
    serving_validator = ServingValidator(
        model=model,
        golden_rows=golden_batch_gen.outputs["golden_rows"],
        server_binary=inputs.server_binary,
        server_digest=inputs.server_digest,
    ).with_id("serving_validator")
    return ServingCheck(golden_batch_gen, serving_validator)


def create_pusher(
    inputs: DagInputs,
    *,
    examples: Any,
    statistics: Any,
    model: Any,
    model_blessing: Any,
    serving_check: ServingCheck,
) -> Any:
    """Publishes the model if both blessings are there."""
    config = inputs.config
    return ModelPusher(
        model=model,
        model_blessing=model_blessing,
        infra_blessing=serving_check.serving_validator.outputs["blessing"],
        golden_rows=serving_check.golden_batch_gen.outputs["golden_rows"],
        statistics=statistics,
        examples=examples,
        model_base_path=config.deployment.model_base_path,
        model_name=config.name,
        run_id=RUN_ID_SLOT,
        key=config.data.key,
        label=config.data.label,
        spans=json.dumps([dataclasses.asdict(span) for span in inputs.spans]),
        code=CODE_SLOT,
        push=config.deployment.push,
    ).with_id("pusher")

"""Stage 6, a blessed model to a served version."""

from typing import Any

from components.model_pusher.component import ModelPusher
from components.serving_validator.component import ServingValidator
from pipeline.stage_configs import DeploymentConfig


def create_serving_validator(
    config: DeploymentConfig, *, label: str, examples: Any, model: Any
) -> Any:
    """Tries the model in a fresh process; cheap, so it runs before Evaluator."""
    return ServingValidator(
        model=model, examples=examples, label=label, num_rows=config.check_rows
    ).with_id("serving_validator")


def create_pusher(
    config: DeploymentConfig,
    *,
    model_name: str,
    run_id: str,
    model: Any,
    model_blessing: Any,
    infra_blessing: Any,
) -> Any:
    """Publishes the model if both blessings are there."""
    return ModelPusher(
        model=model,
        model_blessing=model_blessing,
        infra_blessing=infra_blessing,
        model_base_path=config.model_base_path,
        model_name=model_name,
        run_id=run_id,
    ).with_id("pusher")

"""Stage 4, transformed Examples to an exported model."""

import dataclasses
from typing import Any, NamedTuple

from pipeline import tfx_api
from pipeline.stage_configs import TrainConfig, TuneConfig


class Training(NamedTuple):
    """Components of this stage.

    Without a warm start base_resolver is None, without tuning tuner is.
    """

    base_resolver: Any
    tuner: Any
    trainer: Any


def create_training(
    train: TrainConfig,
    tune: TuneConfig,
    *,
    seed: int,
    transform: Any,
    schema: Any,
    base_resolver: Any = None,
) -> Training:
    """Trains on the training split, after a search for hyperparameters if asked.

    Args:
        train: The training settings; all but the paths reach run_fn as custom_config.
        tune: The tuning settings.
        seed: For every random choice.
        transform: The Transform component.
        schema: The curated schema's channel.
        base_resolver: The node that finds the model to start from; None: a cold start.
    """
    custom_config = {**dataclasses.asdict(train), "seed": seed}
    inputs = {
        "examples": transform.outputs["transformed_examples"],
        "transform_graph": transform.outputs["transform_graph"],
        "train_args": tfx_api.TrainArgs(splits=["train"]),
        "eval_args": tfx_api.EvalArgs(splits=["eval"]),
    }
    tuner = None
    if tune.enabled:
        tuner = tfx_api.Tuner(
            tuner_fn=tune.tuner_fn,
            custom_config={**custom_config, "max_trials": tune.max_trials},
            **inputs,
        ).with_id("tuner")
    trainer = tfx_api.Trainer(
        run_fn=train.run_fn,
        schema=schema,
        hyperparameters=tuner.outputs["best_hyperparameters"] if tuner else None,
        base_model=base_resolver.outputs["model"] if base_resolver else None,
        custom_config=custom_config,
        **inputs,
    ).with_id("trainer")
    return Training(base_resolver, tuner, trainer)

"""Tuner stage: a small random search for the network's hyperparameters."""

from pathlib import Path
from typing import Any

import keras
import keras_tuner
import tensorflow_transform as tft

from models import fitting, input_fn
from models.flights import features
from models.flights.model import build_hyperparameters, build_network
from models.flights.trainer import (
    build_dataset,
    read_training_rows,
    vocabulary_size,
)

DEFAULT_MAX_TRIALS = 8
_ROWS = "rows"


def tuner_fn(fn_args: Any) -> Any:
    """Returns the search that TFX's Tuner runs; it calls this by its dotted path.

    Trials are ranked by AUC on the hold-out of the training split, the same rows on
    which the Trainer stops. The eval split is not read.

    Args:
        fn_args: TFX's FnArgs, or anything with these attributes:

            train_files: Gzipped TFRecords of transformed rows; globs.
            transform_graph_path: Directory of the transform graph.
            working_dir: Where trials are kept, and the decoded rows.
            custom_config: See `fitting.TrainSettings`; `max_trials`, and a
                `holdout_fraction` above 0.

    Returns:
        A TunerFnResult. Its `fit_kwargs` hold both datasets and the epochs.

    Raises:
        ValueError: Nothing is held out, so trials cannot be ranked.
    """
    # The one import of TFX in models/: the Tuner accepts this class only.
    from tfx.components.tuner.component import TunerFnResult

    custom_config = dict(fn_args.custom_config or {})
    settings = fitting.build_settings(custom_config, tuned=None)
    tf_transform_output = tft.TFTransformOutput(fn_args.transform_graph_path)
    folder = Path(fn_args.working_dir) / _ROWS
    folder.mkdir(parents=True, exist_ok=True)
    rows = read_training_rows(fn_args.train_files, tf_transform_output, folder)
    kept, aside = input_fn.split_holdout(
        rows,
        group_keys=features.GROUP_KEYS,
        fraction=settings.holdout_fraction,
        seed=settings.seed,
    )
    if not len(aside):
        raise ValueError(
            f"train.holdout_fraction is {settings.holdout_fraction} and holds out no "
            "row; tuning ranks its trials on the hold-out."
        )
    num_steps = settings.max_epochs * -(-len(kept) // settings.batch_size)
    size = vocabulary_size(tf_transform_output)
    tuner = keras_tuner.RandomSearch(
        lambda space: build_trial(space, size, num_steps, settings),
        objective=keras_tuner.Objective("val_auc", "max"),
        max_trials=int(custom_config.get("max_trials", DEFAULT_MAX_TRIALS)),
        seed=settings.seed,
        directory=fn_args.working_dir,
        project_name="flights",
        overwrite=True,
    )
    train = build_dataset(rows, kept, settings.batch_size, shuffle_seed=settings.seed)
    fit_kwargs = {
        "x": train,
        "validation_data": build_dataset(rows, aside, fitting.HOLDOUT_BATCH_ROWS),
        "epochs": settings.max_epochs,
        "shuffle": False,
        "verbose": 0,
    }
    return TunerFnResult(tuner=tuner, fit_kwargs=fit_kwargs)


def build_trial(
    space: keras_tuner.HyperParameters,
    vocabulary_size: int,
    num_steps: int,
    settings: fitting.TrainSettings,
) -> keras.Model:
    """Returns a compiled network for one point of the search space.

    Args:
        space: Receives `learning_rate` and the names of `ModelHyperparameters`,
            which run_fn reads back.
        vocabulary_size: See `model.build_network`.
        num_steps: Steps of one trial.
        settings: Its hyperparameters hold where nothing is searched.
    """
    keras.utils.set_random_seed(settings.seed)
    searched = {
        "units": space.Choice("units", [32, 64, 128]),
        "num_layers": space.Int("num_layers", 1, 3, default=2),
        "embedding_dim": space.Choice("embedding_dim", [2, 4, 8], default=4),
        "dropout": space.Choice("dropout", [0.1, 0.2, 0.3], default=0.2),
    }
    learning_rate = space.Choice("learning_rate", [0.001, 0.002, 0.004], default=0.002)
    hyperparameters = build_hyperparameters({**settings.hyperparameters, **searched})
    model = build_network(vocabulary_size, hyperparameters)
    fitting.compile_model(
        model,
        learning_rate=learning_rate,
        weight_decay=hyperparameters.weight_decay,
        num_steps=num_steps,
        # The search asks for the AUC by the name that Keras gives it.
        metrics=[keras.metrics.AUC(name="auc")],
    )
    return model

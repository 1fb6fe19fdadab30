"""Trainer stage: learns from the transformed training split, writes the SavedModel."""

import dataclasses
import logging
import tempfile
import time
from pathlib import Path
from typing import Any

import keras
import tensorflow_transform as tft

from models import fitting, input_fn
from models.export import ServingContract, write_saved_model
from models.flights import features
from models.flights.model import PACKED_INPUTS, build_hyperparameters, build_network
from models.flights.warm_start import TABLES, table_rows
from models.row_store import RowStore
from models.warm_start import (
    BaseModel,
    TableRows,
    WarmStart,
    read_base_model,
    start_from,
)

logger = logging.getLogger(__name__)

CLASS_NAMES = ("on_time", "late")


def run_fn(fn_args: Any) -> None:
    """Trains and exports; TFX's Trainer calls it by its dotted path.

    The same files, settings and seed give the same weights, bit for bit, on the same
    machine. The eval split is not read: it judges the model later.

    Args:
        fn_args: TFX's FnArgs, or anything with these attributes:

            train_files: Gzipped TFRecords of transformed rows; globs.
            transform_output: Directory of the transform graph.
            serving_model_dir: Where the SavedModel goes.
            model_run_dir: Where training_summary.json goes.
            base_model: SavedModel to start from, as far as it fits, or None; see
                models/warm_start.py. What was taken over is in the summary.
            custom_config: See `fitting.TrainSettings`.
            hyperparameters: The Tuner's choice, or None; overrides custom_config.

    Raises:
        FileNotFoundError: `train_files` match nothing.
        ValueError: A setting has an unknown name or value, or there are no rows.
    """
    start_s = time.monotonic()
    settings = fitting.build_settings(fn_args.custom_config, fn_args.hyperparameters)
    tf_transform_output = tft.TFTransformOutput(fn_args.transform_output)
    with tempfile.TemporaryDirectory() as folder:
        rows = read_training_rows(
            fn_args.train_files, tf_transform_output, Path(folder)
        )
        read_s = time.monotonic() - start_s
        base = find_base(fn_args.base_model, tf_transform_output)
        network, summary = train_network(
            rows, vocabulary_size(tf_transform_output), settings, base
        )
    fit_s = time.monotonic() - start_s - read_s
    contract = ServingContract(
        feature_keys=features.FEATURE_KEYS, class_names=CLASS_NAMES
    )
    write_saved_model(
        network,
        tf_transform_output,
        contract,
        fn_args.serving_model_dir,
        packed_inputs=PACKED_INPUTS,
    )
    total_s = time.monotonic() - start_s
    summary["seconds"] = {"read": read_s, "fit": fit_s, "total": total_s}
    fitting.write_summary(fn_args.model_run_dir, summary)
    logger.info(
        "read %.1f s, fit %.1f s (%.0f %% of it making batches), all %.1f s",
        read_s,
        fit_s,
        100 * summary["input_busy_fraction"],
        total_s,
    )


def vocabulary_size(tf_transform_output: tft.TFTransformOutput) -> int:
    """Returns the size of the vocabulary that all categories share."""
    size: int = tf_transform_output.vocabulary_size_by_name(features.VOCABULARY_NAME)
    return size


def read_training_rows(
    train_files: list[str], tf_transform_output: tft.TFTransformOutput, folder: Path
) -> RowStore:
    """Returns what training reads: inputs, label and the columns that name a day."""
    specs = tf_transform_output.transformed_feature_spec()
    keys = (*features.TRANSFORMED_FEATURE_KEYS, features.TRANSFORMED_LABEL_KEY)
    spec = {key: specs[key] for key in keys}
    return input_fn.read_rows(train_files, spec, folder)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class FoundBase:
    """A model to start from, and where the rows of its tables belong now."""

    model: BaseModel
    rows: TableRows


def find_base(
    folder: str | None, tf_transform_output: tft.TFTransformOutput
) -> FoundBase | None:
    """Reads the model to start from; None where there is none."""
    base = read_base_model(folder, features.VOCABULARY_NAME) if folder else None
    if base is None:
        return None
    terms = tf_transform_output.vocabulary_by_name(features.VOCABULARY_NAME)
    return FoundBase(model=base, rows=table_rows(base.vocabulary, terms))


def train_network(
    rows: RowStore,
    vocabulary_size: int,
    settings: fitting.TrainSettings,
    base: FoundBase | None = None,
) -> tuple[keras.Model, dict[str, Any]]:
    """Returns the trained network and what the summary says about its training."""
    # Seeds Python, NumPy and TensorFlow: weights, dropout and tf.data's shuffles.
    keras.utils.set_random_seed(settings.seed)
    hyperparameters = build_hyperparameters(settings.hyperparameters)
    kept, aside = input_fn.split_holdout(
        rows,
        group_keys=features.GROUP_KEYS,
        fraction=settings.holdout_fraction,
        seed=settings.seed,
    )
    model = build_network(vocabulary_size, hyperparameters)
    warm = _warm_up(model, base) if base else None
    fitting.compile_model(
        model,
        learning_rate=settings.learning_rate,
        weight_decay=hyperparameters.weight_decay,
        num_steps=settings.max_epochs * -(-len(kept) // settings.batch_size),
    )
    labels = rows.integer_column(features.TRANSFORMED_LABEL_KEY)[kept]
    clock, start_s = input_fn.InputClock(), time.monotonic()
    history = fitting.fit_model(
        model,
        build_dataset(rows, kept, settings.batch_size, settings.seed, clock),
        build_dataset(rows, aside, fitting.HOLDOUT_BATCH_ROWS) if len(aside) else None,
        settings=settings,
        weights=fitting.class_weights(labels, settings.class_weight),
    )
    summary = {
        "epochs": len(history["loss"]),
        "history": history,
        "input_busy_fraction": clock.busy_s / (time.monotonic() - start_s),
        "rows": {"train": len(kept), "holdout": len(aside)},
        "late_fraction": float(labels.mean()),
        "settings": dataclasses.asdict(settings),
        "hyperparameters": dataclasses.asdict(hyperparameters),
        "warm_start": dataclasses.asdict(warm) if warm else None,
    }
    return model, summary


def _warm_up(model: keras.Model, base: FoundBase) -> WarmStart:
    warm = start_from(model, base.model, dict.fromkeys(TABLES, base.rows))
    logger.info(
        "warm start from %s: %d weights taken over; %s; trained afresh: %s",
        warm.folder,
        len(warm.copied),
        ", ".join(f"{count} {kind}" for kind, count in warm.rows.items()),
        "; ".join(f"{name} ({why})" for name, why in warm.fresh.items()) or "none",
    )
    return warm


def build_dataset(
    rows: RowStore,
    places: input_fn.Places,
    batch_size: int,
    shuffle_seed: int | None = None,
    clock: input_fn.InputClock | None = None,
) -> Any:
    """Returns batches of the network's inputs and the label."""
    return input_fn.build_dataset(
        rows,
        places,
        keys=input_fn.BatchKeys(
            floats=features.FLOAT_INPUT_KEYS,
            integers=features.INTEGER_INPUT_KEYS,
            label=features.TRANSFORMED_LABEL_KEY,
        ),
        batch_size=batch_size,
        shuffle_seed=shuffle_seed,
        clock=clock,
    )

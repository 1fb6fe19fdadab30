"""Fits a binary classifier with early stopping; shared by the use cases."""

import dataclasses
import json
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

logger = logging.getLogger(__name__)

SUMMARY_FILE = "training_summary.json"
HOLDOUT_BATCH_ROWS = 8192
# What Keras does in Python between two calls takes a tenth of a small network's step.
_STEPS_PER_CALL = 8


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class TrainSettings:
    """What a training run can be told; the `train` section of the configuration.

    Attributes:
        seed: For weights, dropout, the order of rows and the choice of the hold-out.
        batch_size: Rows a step, >= 1.
        max_epochs: Passes over the training rows at most, >= 1. The learning rate
            falls to zero (half a cosine) over this many.
        patience_epochs: Stop after this many epochs without a higher hold-out AUC.
        learning_rate: Step size at the start, > 0.
        holdout_fraction: Share of the training groups set aside, in [0, 1). 0: all
            rows are learned from and nothing stops early.
        class_weight: "none" or "balanced"; see `class_weights`.
        hyperparameters: Of the use case's network.
    """

    seed: int = 0
    batch_size: int = 1024
    max_epochs: int = 4
    patience_epochs: int = 2
    learning_rate: float = 0.002
    holdout_fraction: float = 0.05
    class_weight: str = "none"
    hyperparameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def build_settings(
    custom_config: Mapping[str, Any] | None, tuned: Mapping[str, Any] | None
) -> TrainSettings:
    """Reads the settings out of what TFX passes to run_fn.

    Args:
        custom_config: `fn_args.custom_config`: the configuration's train section and
            the seed. Other keys are the pipeline's own and are left alone.
        tuned: `fn_args.hyperparameters`: the config of a KerasTuner HyperParameters,
            or None. Its values win: `learning_rate` over the setting of that name,
            the others over those in `hyperparameters`.
    """
    known = {field.name for field in dataclasses.fields(TrainSettings)}
    given = {k: v for k, v in (custom_config or {}).items() if k in known}
    values = dict((tuned or {}).get("values", {}))
    if "learning_rate" in values:
        given["learning_rate"] = values.pop("learning_rate")
    given["hyperparameters"] = {**given.get("hyperparameters", {}), **values}
    return TrainSettings(**given)


def class_weights(labels: np.ndarray, kind: str) -> dict[int, float] | None:
    """Returns the weight of each class in the loss, or None for equal weights.

    Balanced weights make both classes count the same; probabilities then no longer
    match frequencies.

    Args:
        labels: int [rows]. 0 or 1.
        kind: "none"; or "balanced": rows / (2 * rows of the class), a class without
            rows counts as one with one row.

    Raises:
        ValueError: `kind` is neither.

    Source:
        scikit-learn, compute_class_weight("balanced").
    """
    if kind == "none":
        return None
    if kind != "balanced":
        raise ValueError(
            f"train.class_weight is {kind!r}; expected 'none' or 'balanced'."
        )
    counts = np.bincount(labels.astype(np.int64), minlength=2)
    return {c: len(labels) / (2.0 * max(int(counts[c]), 1)) for c in (0, 1)}


def compile_model(
    model: keras.Model,
    *,
    learning_rate: float,
    weight_decay: float,
    num_steps: int,
    metrics: Sequence[keras.Metric] = (),
) -> None:
    """Sets log loss and AdamW, whose learning rate falls to zero over `num_steps`.

    Metrics are computed in every step; `fit_model` scores the hold-out without any.
    """
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, max(num_steps, 1))
    model.compile(
        optimizer=keras.optimizers.AdamW(schedule, weight_decay=weight_decay),
        loss=keras.losses.BinaryCrossentropy(),
        metrics=list(metrics),
        jit_compile=False,
        steps_per_execution=_STEPS_PER_CALL,
    )


class HoldoutScores(keras.callbacks.Callback):
    """Adds `val_loss` and `val_auc` of the hold-out to each epoch's logs.

    A metric that is compiled into the model is computed in every training step too: an
    AUC there takes a fifth of the time, and nobody asks for it.
    """

    def __init__(self, holdout: tf.data.Dataset) -> None:
        """Names the batches of (features, label)."""
        super().__init__()
        self._holdout = holdout
        self._auc = keras.metrics.AUC()
        self._loss = keras.metrics.BinaryCrossentropy()

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:  # noqa: ARG002 - Keras's
        """Scores the hold-out with the weights of now."""
        self._auc.reset_state()
        self._loss.reset_state()
        for features, label in self._holdout:
            probability = self.model.predict_on_batch(features)[:, 0]
            self._auc.update_state(label, probability)
            self._loss.update_state(label, probability)
        logs["val_loss"] = float(self._loss.result())
        logs["val_auc"] = float(self._auc.result())


def _epoch_log() -> keras.callbacks.Callback:
    """Writes one log line an epoch: TFX swallows the progress bar."""
    times = [time.monotonic()]

    def on_epoch_end(epoch: int, logs: Mapping[str, float]) -> None:
        times.append(time.monotonic())
        figures = ", ".join(f"{key} {value:.4f}" for key, value in sorted(logs.items()))
        logger.info("epoch %d: %s, %.1f s", epoch + 1, figures, times[-1] - times[-2])

    return keras.callbacks.LambdaCallback(on_epoch_end=on_epoch_end)


def fit_model(
    model: keras.Model,
    train: tf.data.Dataset,
    holdout: tf.data.Dataset | None,
    *,
    settings: TrainSettings,
    weights: Mapping[int, float] | None = None,
) -> dict[str, list[float]]:
    """Trains a compiled model and leaves it with its best weights.

    Args:
        model: Compiled; changed in place.
        train: Batches to learn from.
        holdout: Batches to stop by. None: train for `max_epochs`.
        settings: `max_epochs` and `patience_epochs` are used.
        weights: Class weights, see `class_weights`.

    Returns:
        Loss of each epoch, in order, and of the hold-out `val_loss` and `val_auc`.
    """
    callbacks: list[keras.callbacks.Callback] = [_epoch_log()]
    if holdout is not None:
        stop = keras.callbacks.EarlyStopping(
            monitor="val_auc",
            mode="max",
            patience=settings.patience_epochs,
            restore_best_weights=True,
        )
        callbacks = [HoldoutScores(holdout), *callbacks, stop]
    history = model.fit(
        train,
        epochs=settings.max_epochs,
        shuffle=False,
        class_weight=dict(weights) if weights else None,
        callbacks=callbacks,
        verbose=0,
    ).history
    return {key: [float(v) for v in values] for key, values in history.items()}


def write_summary(model_run_dir: str, summary: Mapping[str, Any]) -> None:
    """Writes {model_run_dir}/training_summary.json; makes the directory."""
    tf.io.gfile.makedirs(model_run_dir)
    path = f"{model_run_dir.rstrip('/')}/{SUMMARY_FILE}"
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(json.dumps(summary, indent=2, sort_keys=True) + "\n")

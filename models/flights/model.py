"""The network: a wide part that adds up categories, a deep part that mixes them."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
from keras import layers, ops

from models.flights import features

NUM_BUCKET_SLOTS = features.MISSING_BUCKET + 1
MIN_UNITS = 8


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ModelHyperparameters:
    """Sizes of the network.

    Attributes:
        units: Width of the first hidden layer; each further one is half as wide.
        num_layers: Hidden layers, >= 0.
        embedding_dim: Numbers that stand for one category or bucket.
        dropout: Share of a hidden layer switched off while training, in [0, 1).
        weight_decay: Share by which AdamW shrinks each weight, per step and unit of
            learning rate.
    """

    units: int = 64
    num_layers: int = 2
    embedding_dim: int = 4
    dropout: float = 0.2
    weight_decay: float = 0.001


def build_hyperparameters(given: Mapping[str, Any]) -> ModelHyperparameters:
    """Returns the hyperparameters, defaults where none is given.

    Raises:
        ValueError: A name is not one of them.
    """
    known = [field.name for field in dataclasses.fields(ModelHyperparameters)]
    for name in given:
        if name not in known:
            raise ValueError(
                f"unknown setting train.hyperparameters.{name}; known settings are "
                f"{', '.join(known)}."
            )
    return ModelHyperparameters(**given)


def build_model(
    vocabulary_size: int, hyperparameters: ModelHyperparameters
) -> keras.Model:
    """Returns the untrained network.

    Args:
        vocabulary_size: Of the vocabulary that all categories share, without the
            out-of-vocabulary slots that follow it, one for each category.
        hyperparameters: Sizes.

    Returns:
        A functional model of a dict of features.MODEL_INPUT_KEYS, each [batch]
        (float32 or int64), to float32 [batch, 1]: the probability of being late.
    """
    inputs = {
        **{key: _input(key, "float32") for key in features.FLOAT_INPUT_KEYS},
        **{key: _input(key, "int64") for key in features.BUCKET_INPUT_KEYS},
        **{key: _input(key, "int64") for key in features.CATEGORY_INPUT_KEYS},
    }
    numbers = ops.stack([inputs[key] for key in features.FLOAT_INPUT_KEYS], axis=1)
    indices = _table_rows(inputs)
    table_size = (
        len(features.BUCKET_INPUT_KEYS) * NUM_BUCKET_SLOTS
        + vocabulary_size
        + len(features.CATEGORY_INPUT_KEYS)
    )
    wide = ops.sum(_embedding(table_size, 1, "wide")(indices), axis=1)
    embedded = _embedding(table_size, hyperparameters.embedding_dim, "deep")(indices)
    hidden = layers.Concatenate()([numbers, layers.Flatten()(embedded)])
    for depth in range(hyperparameters.num_layers):
        units = max(hyperparameters.units // 2**depth, MIN_UNITS)
        hidden = layers.Dense(units, activation="relu")(hidden)
        hidden = layers.Dropout(hyperparameters.dropout)(hidden)
    logit = layers.Dense(1)(hidden) + layers.Dense(1)(numbers) + wide
    probability = layers.Activation("sigmoid", name="probability")(logit)
    return keras.Model(inputs, probability, name="flights")


def _input(key: str, dtype: str) -> keras.KerasTensor:
    return keras.Input(shape=(), name=key, dtype=dtype)


def _table_rows(inputs: Mapping[str, keras.KerasTensor]) -> keras.KerasTensor:
    """Returns the rows that a flight has in the one embedding table.

    First the buckets of each bucketed feature, then vocabulary and its slots.
    """
    first_category = len(features.BUCKET_INPUT_KEYS) * NUM_BUCKET_SLOTS
    rows = [
        inputs[key] + place * NUM_BUCKET_SLOTS
        for place, key in enumerate(features.BUCKET_INPUT_KEYS)
    ]
    rows += [inputs[key] + first_category for key in features.CATEGORY_INPUT_KEYS]
    return ops.stack(rows, axis=1)


def _embedding(table_size: int, dim: int, name: str) -> layers.Embedding:
    start = keras.initializers.RandomNormal(stddev=0.05)
    return layers.Embedding(table_size, dim, embeddings_initializer=start, name=name)

"""The network: a wide part that adds up categories, a deep part that mixes them."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from models.flights import features
from models.input_fn import FLOATS, INTEGERS

PACKED_INPUTS = {
    FLOATS: features.FLOAT_INPUT_KEYS,
    INTEGERS: features.INTEGER_INPUT_KEYS,
}
"""The network's inputs, and the transformed features that are the columns of each."""

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


def build_network(
    vocabulary_size: int, hyperparameters: ModelHyperparameters
) -> keras.Model:
    """Returns the untrained network, of inputs packed by dtype.

    One tensor a feature would make a training step twice as long: unpacking 60 of them
    costs more than learning from them.

    Args:
        vocabulary_size: Of the vocabulary that all categories share, without the
            out-of-vocabulary slots that follow it, one for each category.
        hyperparameters: Sizes.

    Returns:
        A functional model of a dict to float32 [batch, 1], the probability of being
        late. Its inputs, by the names of models.input_fn:

            floats: float32 [batch, n]. The PACKED_INPUTS of this name, in order.
            integers: int32 [batch, n]. Likewise.
    """
    numbers = keras.Input((len(features.FLOAT_INPUT_KEYS),), name=FLOATS)
    integers = keras.Input(
        (len(features.INTEGER_INPUT_KEYS),), name=INTEGERS, dtype="int32"
    )
    indices = integers + np.array(_first_table_rows(), np.int32)
    table_size = (
        len(features.BUCKET_INPUT_KEYS) * NUM_BUCKET_SLOTS
        + vocabulary_size
        + len(features.CATEGORY_INPUT_KEYS)
    )
    wide = ops.sum(_embedding(table_size, 1, "wide")(indices), axis=1)
    embedded = _embedding(table_size, hyperparameters.embedding_dim, "deep")(indices)
    hidden = layers.Concatenate()([numbers, layers.Flatten()(embedded)])
    # A warm start finds weights by these names.
    for depth in range(hyperparameters.num_layers):
        units = max(hyperparameters.units // 2**depth, MIN_UNITS)
        hidden = layers.Dense(units, activation="relu", name=f"hidden_{depth}")(hidden)
        hidden = layers.Dropout(hyperparameters.dropout)(hidden)
    deep_logit = layers.Dense(1, name="deep_logit")(hidden)
    logit = deep_logit + layers.Dense(1, name="wide_logit")(numbers) + wide
    probability = layers.Activation("sigmoid", name="probability")(logit)
    inputs = {FLOATS: numbers, INTEGERS: integers}
    return keras.Model(inputs, probability, name="flights")


def _first_table_rows() -> list[int]:
    """Returns where each integer feature's rows begin in the one embedding table.

    First the buckets of each bucketed feature, then vocabulary and its slots.
    """
    num_buckets = len(features.BUCKET_INPUT_KEYS)
    categories = [num_buckets * NUM_BUCKET_SLOTS] * len(features.CATEGORY_INPUT_KEYS)
    return [place * NUM_BUCKET_SLOTS for place in range(num_buckets)] + categories


def _embedding(table_size: int, dim: int, name: str) -> layers.Embedding:
    start = keras.initializers.RandomNormal(stddev=0.05)
    return layers.Embedding(table_size, dim, embeddings_initializer=start, name=name)

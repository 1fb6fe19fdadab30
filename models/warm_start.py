"""Starts a network from an exported model's weights; shared by the use cases.

Weights are found by name. One that the base does not have, or has in another shape,
stays as it was initialized and is named. Rows of an embedding table are found by what
they stand for, never by their number: vocabularies are sorted by frequency, so the same
number means another category after every training.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.export import weight_name

_VALUE_SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class BaseModel:
    """An exported model that another one may start from.

    Attributes:
        folder: Its SavedModel.
        weights: Name to values; empty for an export of an early version, which did
            not name them.
        vocabulary: Terms of the shared vocabulary, UTF-8, in order; empty if it has
            none of this name.
    """

    folder: str
    weights: Mapping[str, np.ndarray]
    vocabulary: tuple[bytes, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class WarmStart:
    """What a network got from its base.

    Attributes:
        folder: The base's SavedModel.
        copied: Names of the weights that were taken over, in the network's order.
        fresh: Name to why it was not.
        rows: What became of table rows: a count for each kind.
    """

    folder: str
    copied: tuple[str, ...]
    fresh: Mapping[str, str]
    rows: Mapping[str, int]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class TableRows:
    """Which row of the base's table each row of a new one starts from.

    Attributes:
        sources: int64 [new rows]. Rows of the base's tables, >= 0.
        num_base_rows: Rows that the base's tables must have for that to be true.
        counts: See WarmStart.rows.
    """

    sources: np.ndarray
    num_base_rows: int
    counts: Mapping[str, int]


def read_base_model(folder: str, vocabulary_name: str) -> BaseModel | None:
    """Reads weights and vocabulary of an exported model, without loading its graph.

    Args:
        folder: A SavedModel, local or in a bucket.
        vocabulary_name: File name of the vocabulary in its assets.

    Returns:
        None where there is no SavedModel: on a cluster, an empty folder stands for
        "no base".

    Raises:
        tf.errors.OpError: A file of it cannot be read.
    """
    if not tf.io.gfile.exists(f"{folder}/saved_model.pb"):
        return None
    reader = tf.train.load_checkpoint(f"{folder}/variables/variables")
    weights = {}
    for key in reader.get_variable_to_shape_map():
        name = weight_name(key.removesuffix(_VALUE_SUFFIX))
        if name is not None:
            weights[name] = reader.get_tensor(key)
    return BaseModel(
        folder=folder,
        weights=weights,
        vocabulary=_read_vocabulary(f"{folder}/assets/{vocabulary_name}"),
    )


def start_from(
    network: keras.Model, base: BaseModel, tables: Mapping[str, TableRows]
) -> WarmStart:
    """Copies what fits into a network.

    Args:
        network: Changed in place.
        base: What to start from.
        tables: Name of an embedding table to where its rows come from.
    """
    copied, fresh = [], {}
    for variable in network.weights:
        name = variable.path
        values, reason = _values_for(name, tuple(variable.shape), base, tables)
        if values is None:
            fresh[name] = reason
        else:
            variable.assign(values)
            copied.append(name)
    used = [tables[name].counts for name in copied if name in tables]
    return WarmStart(
        folder=base.folder,
        copied=tuple(copied),
        fresh=fresh,
        rows=used[0] if used else {},
    )


def _values_for(
    name: str,
    shape: tuple[int, ...],
    base: BaseModel,
    tables: Mapping[str, TableRows],
) -> tuple[np.ndarray | None, str]:
    """Returns the values a weight starts from; None and why if there are none."""
    found: Any = base.weights.get(name)
    if found is None:
        return None, "the base has no weight of this name"
    if name in tables:
        table = tables[name]
        if len(found) != table.num_base_rows:
            return None, (
                f"the base's table has {len(found)} rows; its vocabulary makes "
                f"{table.num_base_rows}"
            )
        found = found[table.sources]
    if found.shape != shape:
        return None, f"its shape is {shape}; the base's is {found.shape}"
    return found, ""


def _read_vocabulary(path: str) -> tuple[bytes, ...]:
    if not tf.io.gfile.exists(path):
        return ()
    with tf.io.gfile.GFile(path, "rb") as file:
        return tuple(file.read().split(b"\n")[:-1])

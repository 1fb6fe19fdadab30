"""Counts the rows of gzipped TFRecords by slice and model."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from components.columnar_evaluator.histogram import (
    MAX_ROWS,
    Integers,
    Tally,
    merge,
    tally,
)
from components.columnar_evaluator.predict import LoadedModel, ModelPlan
from components.columnar_evaluator.slices import SliceKey, slice_rows
from components.columnar_examples.batch_source import read_examples

BATCH_ROWS = MAX_ROWS

Tallies = dict[SliceKey, dict[str, Tally]]
"""Slice key, then model name, to the rows' tally."""


def count_file(
    path: str,
    models: Mapping[ModelPlan, LoadedModel],
    feature_keys: Sequence[Sequence[str]],
) -> Tallies:
    """Returns the tallies of one file's rows; an empty file gives none.

    Args:
        path: A gzipped TFRecord of tf.Examples.
        models: Models that predict each row.
        feature_keys: Columns of each slicing spec.

    Raises:
        ValueError: A row's label is not one 0 or 1, or a model refuses the batch.
    """
    batches = []
    names = {name for keys in feature_keys for name in keys}
    names.update(plan.label_key for plan in models)
    for serialized_examples, batch in read_examples(path, BATCH_ROWS, names):
        slices = slice_rows(batch, feature_keys)
        counts: Tallies = {key: {} for key in slices}
        for plan, model in models.items():
            labels = read_labels(batch, plan.label_key, path)
            predictions = model.predict(serialized_examples)
            for key, rows in slices.items():
                counts[key][plan.name] = tally(labels[rows], predictions[rows])
        batches.append(counts)
    return merge_tallies(batches)


def merge_tallies(parts: Iterable[Tallies]) -> Tallies:
    """Returns the tallies of all parts together, in any order the same."""
    grouped: dict[SliceKey, dict[str, list[Tally]]] = {}
    for part in parts:
        for key, by_model in part.items():
            models = grouped.setdefault(key, {})
            for name, counted in by_model.items():
                models.setdefault(name, []).append(counted)
    return {
        key: {name: merge(tallies) for name, tallies in models.items()}
        for key, models in grouped.items()
    }


def read_labels(batch: Any, label_key: str, path: str) -> Integers:
    """Returns the label of each row.

    Args:
        batch: pyarrow.RecordBatch of tf.Examples: list columns.
        label_key: Column of the label.
        path: File the batch is from, for the message.

    Returns:
        int64 [rows]. 0 or 1.

    Raises:
        ValueError: A row has no label, several, or another value.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    position = batch.schema.get_field_index(label_key)
    if position < 0 or pa.types.is_null(batch.column(position).type):
        raise ValueError(f"{path} has rows without the label {label_key!r}.")
    column = batch.column(position)
    lengths = pc.list_value_length(column).fill_null(0).to_numpy()
    if (lengths != 1).any():
        raise ValueError(
            f"{path}: {int((lengths != 1).sum()):,} rows of a batch have not exactly "
            f"one value of the label {label_key!r}."
        )
    flat = pc.list_flatten(column)
    if not (pa.types.is_integer(flat.type) or pa.types.is_floating(flat.type)):
        raise ValueError(f"{path}: the label {label_key!r} is {flat.type}, not 0 or 1.")
    values: npt.NDArray[Any] = flat.to_numpy()
    wrong = ~np.isin(values, (0, 1))
    if wrong.any():
        raise ValueError(
            f"{path}: the label {label_key!r} is {values[wrong][0]} in a row; "
            "expected 0 or 1."
        )
    return values.astype(np.int64)

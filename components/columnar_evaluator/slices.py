"""Finds the rows of every slice in a batch of columns."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Value = str | int | float
SliceKey = tuple[tuple[str, Value], ...]
"""TFMA's slice key: (column, value) pairs by column name; () is all rows."""

Rows = npt.NDArray[np.int64]


def slice_rows(
    batch: Any, feature_keys: Sequence[Sequence[str]]
) -> dict[SliceKey, Rows]:
    """Returns the rows of each slice that occurs in the batch.

    As in TFMA, a row that lacks a column is in no slice of that column, and a row with
    several values in one column is in the slice of each, once.

    Args:
        batch: pyarrow.RecordBatch of tf.Examples: list columns.
        feature_keys: Columns of each slicing spec; none for all rows.

    Returns:
        int64 [rows]. Ascending row numbers in the batch.

    Raises:
        ValueError: A value is no UTF-8 text.

    Source:
        tensorflow_model_analysis 0.52, slicer/slicer_lib.py,
        SingleSliceSpec.generate_slices.
    """
    slices: dict[SliceKey, Rows] = {}
    for columns in feature_keys:
        names = sorted(columns)
        if names:
            slices.update(_rows_by_value(batch, names))
        else:
            slices[()] = np.arange(batch.num_rows)
    return slices


def _rows_by_value(batch: Any, names: Sequence[str]) -> dict[SliceKey, Rows]:
    import pandas as pd

    frame = pd.DataFrame({"": np.arange(batch.num_rows)})
    values = []
    for name in names:
        rows, codes, known = _values(batch, name)
        values.append(known)
        frame = frame.merge(pd.DataFrame({"": rows, name: codes}), on="")
    numbers = frame[""].to_numpy()
    groups = frame.groupby(list(names), sort=True).indices
    slices = {}
    for group, places in groups.items():
        chosen = group if isinstance(group, tuple) else (group,)
        key = tuple(
            (name, known[code])
            for name, known, code in zip(names, values, chosen, strict=True)
        )
        slices[key] = np.sort(numbers[places])
    return slices


def _values(batch: Any, name: str) -> tuple[Rows, Rows, list[Value]]:
    """Returns each row that has the column, its value's code, and the values."""
    import pyarrow as pa
    import pyarrow.compute as pc

    position = batch.schema.get_field_index(name)
    empty = np.zeros(0, np.int64)
    if position < 0 or pa.types.is_null(batch.column(position).type):
        return empty, empty, []
    column = batch.column(position)
    rows = pc.list_parent_indices(column).to_numpy()
    encoded = pc.list_flatten(column).dictionary_encode()
    known = [_as_value(name, value) for value in encoded.dictionary.to_pylist()]
    codes = encoded.indices.to_numpy().astype(np.int64)
    pairs = np.unique(rows * max(len(known), 1) + codes)
    return pairs // max(len(known), 1), pairs % max(len(known), 1), known


def _as_value(name: str, value: Value | bytes) -> Value:
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(
            f"slice column {name!r} has the value {value!r}, which is no UTF-8 text."
        ) from None

"""Turns Arrow record batches into serialized tf.Examples, a batch at a time in C++.

Integers and booleans become int64, floats float32, text bytes, timestamps whole
seconds since the epoch. A missing value is an absent feature.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.columnar_example_gen.split_plan import epoch_seconds
from data.spans import DataContractError


def encode_batch(batch: pa.RecordBatch) -> Sequence[bytes]:
    """Returns one serialized tf.Example for each row, in order.

    Raises:
        DataContractError: A column has a type that tf.Example cannot hold.
    """
    from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

    columns = [
        _as_single_value_lists(_as_example_values(batch.column(index), name))
        for index, name in enumerate(batch.schema.names)
    ]
    lists = pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
    return list(RecordBatchToExamplesEncoder().encode(lists))


def example_kind(arrow_type: pa.DataType) -> str | None:
    """Returns "int", "float" or "bytes": how a column is stored. None: not at all."""
    if pa.types.is_timestamp(arrow_type) or pa.types.is_boolean(arrow_type):
        return "int"
    if pa.types.is_integer(arrow_type):
        return "int"
    if pa.types.is_floating(arrow_type) or pa.types.is_decimal(arrow_type):
        return "float"
    if pa.types.is_dictionary(arrow_type):
        return example_kind(arrow_type.value_type)
    text = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary)
    return "bytes" if any(is_text(arrow_type) for is_text in text) else None


_ARROW_TYPES = {"int": pa.int64(), "float": pa.float32(), "bytes": pa.binary()}


def _as_example_values(values: pa.Array, name: str) -> pa.Array:
    kind = example_kind(values.type)
    if kind is None:
        raise DataContractError(
            f"column {name!r} has type {values.type}, which a tf.Example cannot hold; "
            "expected numbers, text, booleans or timestamps. Convert or drop it."
        )
    if pa.types.is_timestamp(values.type):
        present = values.drop_null()
        seconds = np.zeros(len(values), dtype=np.int64)
        seconds[np.asarray(values.is_valid())] = epoch_seconds(present)
        return pa.array(seconds, mask=np.asarray(values.is_null()))
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    return pc.cast(values, _ARROW_TYPES[kind], safe=kind != "float")


def _as_single_value_lists(values: pa.Array) -> pa.ListArray:
    """Wraps each value into a list of one; a missing one into an absent list."""
    is_present = _is_present(values)
    offsets = np.concatenate([[0], np.cumsum(is_present)]).astype(np.int32)
    return pa.ListArray.from_arrays(
        pa.array(offsets, mask=np.append(~is_present, False)),
        values.filter(pa.array(is_present)),
    )


def _is_present(values: pa.Array) -> np.ndarray:
    """Returns bool [rows]. Null, NaN and "" are one thing here, as in serving.

    By masks alone: pyarrow 18's if_else damages text arrays that are slices.
    """
    is_present = np.array(values.is_valid())
    if pa.types.is_floating(values.type):
        is_present &= ~np.isnan(values.to_numpy(zero_copy_only=False))
    if pa.types.is_binary(values.type):
        lengths = pc.fill_null(pc.binary_length(values), 0)
        is_present &= np.asarray(lengths) > 0
    return is_present

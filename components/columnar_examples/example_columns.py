"""From rows to a column file and from there to what parsing their Examples gives.

`decoded_batches` gives the record batches of tfx_bsl's ExamplesToRecordBatchDecoder,
value for value and type for type, so that what is computed from them is the same.
"""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tensorflow_metadata.proto.v0 import schema_pb2

from components.columnar_examples.encode import as_example_values
from data.column_file import find_column_file, read_columns

_TYPES = {
    schema_pb2.INT: pa.int64(),
    schema_pb2.FLOAT: pa.float32(),
    schema_pb2.BYTES: pa.binary(),
}
# What the decoder makes of a value of each type.
_LISTED = {pa.binary(): pa.large_binary()}
_Wanted = Sequence[tuple[str, pa.DataType | None]]


def example_columns(batch: pa.RecordBatch) -> dict[str, pa.Array]:
    """Returns what `encode_batch` writes, as columns in order of the features' names.

    Args:
        batch: As for `encode_batch`.

    Raises:
        DataContractError: As for `encode_batch`.
    """
    return {
        name: _present(as_example_values(batch.column(name), name))
        for name in sorted(batch.schema.names)
    }


def _present(values: pa.Array) -> pa.Array:
    """Makes NaN and "" null: they are what a missing feature is."""
    if values.type == pa.float32():
        is_missing = pc.is_nan(values)
    elif values.type == pa.binary():
        is_missing = pc.equal(pc.binary_length(values), 0)
    else:
        return values
    return pc.if_else(is_missing, pa.scalar(None, values.type), values)


def decoded_batches(
    examples_path: str,
    schema: bytes | None = None,
    *,
    names: Collection[str] | None = None,
) -> Iterator[pa.RecordBatch] | None:
    """Returns the rows of an Examples file, from its column file.

    Args:
        examples_path: A gzipped TFRecord.
        schema: A serialized TFMD schema: columns to give; None: all.
        names: Without a schema, the columns to give, as far as they are there; None:
            all.

    Returns:
        Batches of data.column_file.BATCH_ROWS rows, in order. None: there is no column
        file, or the schema has a feature of another type; parsing then says so.
    """
    path = find_column_file(Path(examples_path))
    if path is None:
        return None
    batches = read_columns(path)
    first = next(batches, None)
    if first is None:
        return None
    wanted = _wanted(first.schema, schema, names)
    if wanted is None:
        return None
    return _decoded(first, batches, wanted)


def _wanted(
    columns: pa.Schema, schema: bytes | None, names: Collection[str] | None
) -> _Wanted | None:
    """Returns names and types of the decoder's columns; None: they do not fit."""
    if schema is None:
        asked = columns.names if names is None else names
        # A batch without a column has no rows.
        return [(name, None) for name in columns.names if name in asked] or None
    wanted = []
    for feature in schema_pb2.Schema.FromString(schema).feature:
        of_type = _TYPES.get(feature.type)
        is_there = feature.name in columns.names
        if of_type is None or (
            is_there and columns.field(feature.name).type != of_type
        ):
            return None
        wanted.append((feature.name, of_type))
    return wanted


def _decoded(
    first: pa.RecordBatch, others: Iterator[pa.RecordBatch], wanted: _Wanted
) -> Iterator[pa.RecordBatch]:
    yield _listed(first, wanted)
    for batch in others:
        yield _listed(batch, wanted)


def _listed(batch: pa.RecordBatch, wanted: _Wanted) -> pa.RecordBatch:
    columns = {}
    for name, of_type in wanted:
        if name in batch.schema.names:
            columns[name] = _lists(batch.column(name), is_typed=of_type is not None)
        else:
            item = _LISTED.get(of_type, of_type)
            columns[name] = pa.nulls(batch.num_rows, pa.large_list(item))
    return pa.RecordBatch.from_pydict(columns)


def _lists(values: pa.Array, *, is_typed: bool) -> pa.Array:
    """Returns a list of one value for each row, null where it is missing."""
    num_rows = len(values)
    if values.null_count == num_rows and not is_typed:
        return pa.nulls(num_rows)
    is_valid = values.is_valid()
    offsets = np.zeros(num_rows + 1, np.int64)
    np.cumsum(np.asarray(is_valid), out=offsets[1:])
    items = values.drop_null()
    items = items.cast(_LISTED.get(items.type, items.type))
    return pa.Array.from_buffers(
        pa.large_list(items.type),
        num_rows,
        [is_valid.buffers()[1] if values.null_count else None, pa.py_buffer(offsets)],
        children=[items],
    )

"""Turns Arrow record batches into serialized tf.Examples, a column at a time.

Integers and booleans become int64, floats float32, text bytes, timestamps whole
seconds since the epoch. A missing value is a feature without a kind, as tfx_bsl's
encoder writes it (CsvExampleGen: an empty list of the kind; both parse as missing).

tfx_bsl's RecordBatchToExamplesEncoder gives the same Examples, but their features in
an order that changes from call to call. Here features are ordered by name: the same
rows are the same bytes on every engine, which gzip packs to half the size. A value that
occurs often is encoded once.

Source:
    tensorflow/core/example/{example,feature}.proto for the fields, and
    https://protobuf.dev/programming-guides/encoding for their bytes.
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from components.columnar_examples.event_times import epoch_seconds
from data.spans import DataContractError

# Field 1, length-delimited: the tag of Example.features, Features.feature, of the key
# in a map entry, of BytesList.value and of packed FloatList and Int64List values.
_FIELD_1 = b"\x0a"
# Field 2 of a map entry: its value.
_FIELD_2 = b"\x12"
# Feature's oneof: bytes_list = 1, float_list = 2, int64_list = 3.
_KIND_TAGS = {"bytes": b"\x0a", "float": b"\x12", "int": b"\x1a"}
_ARROW_TYPES = {"int": pa.int64(), "float": pa.float32(), "bytes": pa.binary()}
_MAX_VARINT_BYTES = 10
_NOTHING = b""  # no separator


def encode_batch(batch: pa.RecordBatch) -> pa.BinaryArray:
    """Returns one serialized tf.Example for each row, in order; none is null.

    Args:
        batch: Columns of numbers, text, booleans or timestamps. Null, NaN and "" are
            one thing, missing, as in serving.

    Raises:
        DataContractError: A column has a type that tf.Example cannot hold, or a value
            that an int64 cannot.
    """
    return _encode(
        {
            name: _encode_column(as_example_values(batch.column(name), name), name)
            for name in batch.schema.names
        },
        batch.num_rows,
    )


def encode_numbers(columns: Mapping[str, pa.Array], num_rows: int) -> pa.BinaryArray:
    """Returns one serialized tf.Example for each row of a table of numbers, in order.

    Args:
        columns: Name to int64 or float32 [rows] without nulls; NaN is a value.
        num_rows: Rows of each.
    """
    return _encode(
        {
            name: _encode_column(values, name, keeps_nan=True)
            for name, values in columns.items()
        },
        num_rows,
    )


def _encode(columns: Mapping[str, pa.BinaryArray], num_rows: int) -> pa.BinaryArray:
    """Joins the columns' map entries, in order of the features' names."""
    entries = [columns[name] for name in sorted(columns)]
    length = np.zeros(num_rows, dtype=np.int64)
    for entry in entries:
        length += _lengths(entry)
    return _join(_prefixes(length, _FIELD_1), *entries)


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
    text = (
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_binary,
        pa.types.is_large_binary,
    )
    return "bytes" if any(is_text(arrow_type) for is_text in text) else None


def as_example_values(values: pa.Array, name: str) -> pa.Array:
    """Returns a column as int64, float32 or binary; missing values are null.

    Raises:
        DataContractError: As for `encode_batch`.
    """
    if pa.types.is_null(values.type):
        return pa.nulls(len(values), pa.binary())
    kind = example_kind(values.type)
    if kind is None:
        raise DataContractError(
            f"column {name!r} has type {values.type}, which a tf.Example cannot hold; "
            "expected numbers, text, booleans or timestamps. Convert it, or name it in "
            "data.exclude_columns."
        )
    if pa.types.is_timestamp(values.type):
        seconds = np.zeros(len(values), dtype=np.int64)
        seconds[np.asarray(values.is_valid())] = epoch_seconds(values.drop_null())
        return pa.array(seconds, mask=np.asarray(values.is_null()))
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    try:
        return pc.cast(values, _ARROW_TYPES[kind], safe=kind != "float")
    except pa.ArrowInvalid as error:
        raise DataContractError(
            f"column {name!r} of type {values.type} holds a number that an int64 "
            f"cannot: {error}"
        ) from error


def _encode_column(
    values: pa.Array, name: str, *, keeps_nan: bool = False
) -> pa.BinaryArray:
    """Returns the bytes of one map entry of Features for each row."""
    kind = {pa.int64(): "int", pa.float32(): "float"}.get(values.type, "bytes")
    if kind == "float":  # as bits: 0.0 and -0.0 are two values
        missing = np.asarray(values.is_null())
        floats = np.where(missing, np.nan, np.asarray(pc.fill_null(values, 0)))
        values = pa.array(floats.astype("<f4").view(np.uint32))
    coded = values.dictionary_encode("encode")
    content = (
        _float_content(coded.dictionary, keeps_nan=keeps_nan)
        if kind == "float"
        else _CONTENT[kind](coded.dictionary)
    )
    prefixes = _by_length(
        _lengths(content), lambda length: _entry_prefix(name.encode(), kind, length)
    )
    return _join(prefixes, content).take(coded.indices)


def _entry_prefix(key: bytes, kind: str, length: int) -> bytes:
    """Returns all of a map entry but its `length` bytes of values, which end it."""
    feature_length = 0
    head = b""
    if length:
        values_head = _FIELD_1 + _varint(length)
        head = _KIND_TAGS[kind] + _varint(len(values_head) + length) + values_head
        feature_length = len(head) + length
    entry = _FIELD_1 + _varint(len(key)) + key + _FIELD_2 + _varint(feature_length)
    return _FIELD_1 + _varint(len(entry) + feature_length) + entry + head


def _text_content(values: pa.Array) -> pa.BinaryArray:
    return pc.fill_null(pc.cast(values, pa.binary()), b"")


def _float_content(bits: pa.Array, *, keeps_nan: bool) -> pa.BinaryArray:
    raw = np.asarray(bits)
    is_present = keeps_nan | ~np.isnan(raw.view(np.float32))
    return _binary(raw.astype("<u4").view(np.uint8).reshape(-1, 4), is_present * 4)


def _int_content(values: pa.Array) -> pa.BinaryArray:
    """Returns each number as a varint: seven bits a byte, the lowest first."""
    rest = np.asarray(pc.fill_null(values, 0)).astype(np.int64).view(np.uint64)
    matrix = np.zeros((len(rest), _MAX_VARINT_BYTES), dtype=np.uint8)
    lengths = np.ones(len(rest), dtype=np.int64)
    for place in range(_MAX_VARINT_BYTES):
        matrix[:, place] = rest & np.uint64(0x7F)
        rest = rest >> np.uint64(7)
        goes_on = rest > 0
        matrix[goes_on, place] |= 0x80
        lengths += goes_on
        if not goes_on.any():
            break
    lengths[np.asarray(values.is_null())] = 0
    return _binary(matrix, lengths)


_CONTENT = {"bytes": _text_content, "int": _int_content}


def _binary(
    matrix: npt.NDArray[np.uint8], lengths: npt.NDArray[np.int64]
) -> pa.BinaryArray:
    """Returns the first `lengths[i]` bytes of each row i."""
    kept = matrix[np.arange(matrix.shape[1]) < lengths[:, np.newaxis]]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.BinaryArray.from_buffers(
        pa.binary(), len(lengths), [None, pa.py_buffer(offsets), pa.py_buffer(kept)]
    )


def _prefixes(lengths: npt.NDArray[np.int64], tag: bytes) -> pa.BinaryArray:
    return _by_length(lengths, lambda length: tag + _varint(length))


def _by_length(
    lengths: npt.NDArray[np.int64], make: Callable[[int], bytes]
) -> pa.BinaryArray:
    """Returns make(length) for each length, computed once for equal ones."""
    distinct, places = np.unique(lengths, return_inverse=True)
    made = [make(int(length)) for length in distinct]
    return pa.array(made, pa.binary()).take(pa.array(places.astype(np.int32)))


def _join(*parts: pa.BinaryArray) -> pa.BinaryArray:
    return pc.binary_join_element_wise(*parts, _NOTHING)


def _lengths(values: pa.BinaryArray) -> npt.NDArray[np.int64]:
    return np.asarray(pc.binary_length(values), dtype=np.int64)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:  # noqa: PLR2004 - seven bits a byte
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)

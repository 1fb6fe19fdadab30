"""Writes logged rows as serialized tf.Examples, a column at a time.

`transform_features` takes nothing else. A message a row, built field by field, takes
ten times as long as the transform itself; here every distinct value of a column is
encoded once and rows are joined of such pieces.

Source:
    tensorflow/core/example/{example,feature}.proto for the fields, and
    https://protobuf.dev/programming-guides/encoding for their bytes.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from serving.bundle.contract import RawFeature

# Field 1, length-delimited: the tag of Example.features, Features.feature, of the key
# in a map entry, of BytesList.value and of packed FloatList and Int64List values.
_FIELD_1 = b"\x0a"
# Field 2 of a map entry: its value.
_FIELD_2 = b"\x12"
# Feature's oneof: bytes_list = 1, float_list = 2, int64_list = 3.
_KIND_TAGS = {"BYTES": b"\x0a", "FLOAT": b"\x12", "INT": b"\x1a"}
_LOW_BITS = 0x7F
_INT64 = 1 << 64
_NOTHING = b""


def encode_examples(
    columns: Mapping[str, Any], features: Sequence[RawFeature], num_rows: int
) -> npt.NDArray[Any]:
    """Returns each row as a serialized tf.Example.

    Args:
        columns: Raw feature to a pyarrow array [rows] of numbers or text; null, NaN
            and "" are missing. A feature without a column is missing in every row.
        features: The contract's. A number of an INT feature is cut to a whole one, as
            `serving_default` does it with what it is sent.
        num_rows: Of each column; 0 gives an empty array.

    Returns:
        object (bytes) [rows]; a missing feature is absent.
    """
    entries = [
        _entries(columns[feature.name], feature)
        for feature in features
        if feature.name in columns
    ]
    if not entries:
        return np.full(num_rows, _NOTHING, dtype=object)
    bodies = pc.binary_join_element_wise(*entries, _NOTHING).to_pylist()
    encoded = np.empty(num_rows, dtype=object)
    encoded[:] = [_FIELD_1 + _varint(len(body)) + body for body in bodies]
    return encoded


def _entries(column: Any, feature: RawFeature) -> Any:
    """Returns one map entry of Features for each row, b"" where it is missing."""
    values = _bits(present_values(column, feature)).dictionary_encode("encode")
    write = _CONTENTS[feature.example_type]
    key = feature.name.encode()
    pieces = [
        _NOTHING if value is None else _entry(key, feature.example_type, write(value))
        for value in values.dictionary.to_pylist()
    ]
    return pa.array(pieces, pa.binary()).take(values.indices)


def present_values(column: Any, feature: RawFeature) -> Any:
    """Returns a column as int64, float32 or binary, with null for every missing one.

    Args:
        column: pyarrow array [rows]; text may be dictionary-encoded.
        feature: Says which of the three.
    """
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if feature.example_type == "BYTES":
        texts = column.cast(pa.binary())
        return pc.if_else(pc.equal(texts, _NOTHING), None, texts)
    numbers = column.cast(pa.float64(), safe=False)
    numbers = pc.if_else(pc.is_nan(numbers), None, numbers)
    if feature.example_type == "INT":
        return pc.trunc(numbers).cast(pa.int64(), safe=False)
    return numbers.cast(pa.float32(), safe=False)


def _bits(column: Any) -> Any:
    """Returns float32 as its bits: Arrow takes 0.0 and -0.0 for one value."""
    return column.view(pa.uint32()) if pa.types.is_float32(column.type) else column


def _entry(key: bytes, kind: str, content: bytes) -> bytes:
    values = _delimited(_FIELD_1, content)
    feature = _delimited(_KIND_TAGS[kind], values)
    entry = _delimited(_FIELD_1, key) + _delimited(_FIELD_2, feature)
    return _delimited(_FIELD_1, entry)


def _delimited(tag: bytes, content: bytes) -> bytes:
    return tag + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    """Returns seven bits a byte, the lowest first; a negative one as its int64."""
    rest = number % _INT64
    out = bytearray()
    while rest > _LOW_BITS:
        out.append(rest & _LOW_BITS | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def _float_content(bits: int) -> bytes:
    return struct.pack("<I", bits)


_CONTENTS: dict[str, Callable[[Any], bytes]] = {
    "BYTES": bytes,
    "INT": _varint,
    "FLOAT": _float_content,
}

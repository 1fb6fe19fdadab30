"""tf.Example in protobuf's wire format, without TensorFlow.

    message Example  {Features features = 1;}
    message Features {map<string, Feature> feature = 1;}
    message Feature  {oneof kind {BytesList bytes_list = 1; FloatList float_list = 2;
                                  Int64List int64_list = 3;}}
    each list        {repeated … value = 1;}    numbers packed

Source: tensorflow/core/example/{example,feature}.proto;
https://protobuf.dev/programming-guides/encoding.
"""

import struct
from collections.abc import Sequence

_FIELD_1 = b"\x0a"
_FIELD_2 = b"\x12"
_BYTES_LIST, _FLOAT_LIST, _INT64_LIST = b"\x0a", b"\x12", b"\x1a"
_VARINT_BITS = 7
_CONTINUED = 0x80
_UINT64_MASK = (1 << 64) - 1


def bytes_feature(values: Sequence[bytes]) -> bytes:
    """Returns a Feature of bytes."""
    return _field(_BYTES_LIST, b"".join(_field(_FIELD_1, value) for value in values))


def float_feature(values: Sequence[float]) -> bytes:
    """Returns a Feature of float32."""
    packed = struct.pack(f"<{len(values)}f", *values)
    return _field(_FLOAT_LIST, _field(_FIELD_1, packed))


def int64_feature(values: Sequence[int]) -> bytes:
    """Returns a Feature of int64."""
    packed = b"".join(_varint(value & _UINT64_MASK) for value in values)
    return _field(_INT64_LIST, _field(_FIELD_1, packed))


def example(features: Sequence[tuple[str, bytes]]) -> bytes:
    """Returns an Example of name and Feature; the last of a name counts."""
    entries = b"".join(
        _field(_FIELD_1, _field(_FIELD_1, name.encode()) + _field(_FIELD_2, feature))
        for name, feature in features
    )
    return _field(_FIELD_1, entries) if entries else b""


def _field(key: bytes, value: bytes) -> bytes:
    return key + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    if value < _CONTINUED:
        return bytes((value,))
    parts = bytearray()
    while value >= _CONTINUED:
        parts.append(value & (_CONTINUED - 1) | _CONTINUED)
        value >>= _VARINT_BITS
    parts.append(value)
    return bytes(parts)

"""TensorProto to numpy and back, without TensorFlow's detours.

A tensor comes as `tensor_content` (its bytes) or in a typed field; a typed field of one
value, or fewer than the shape has, repeats its last. It goes as a typed field, as TF
Serving's default is, or as `tensor_content`.

Source: tensorflow/core/framework/tensor.proto and tensor.cc (FromProtoField);
tensorflow_serving/servables/tensorflow/predict_util.cc, kAsProtoField.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.server.status import Code, ServingError

_STRING = 7
# DataType's number to numpy's dtype and the typed field.
_FIELDS: dict[int, tuple[np.dtype[Any], str]] = {
    1: (np.dtype(np.float32), "float_val"),
    2: (np.dtype(np.float64), "double_val"),
    3: (np.dtype(np.int32), "int_val"),
    4: (np.dtype(np.uint8), "int_val"),
    5: (np.dtype(np.int16), "int_val"),
    6: (np.dtype(np.int8), "int_val"),
    _STRING: (np.dtype(object), "string_val"),
    9: (np.dtype(np.int64), "int64_val"),
    10: (np.dtype(np.bool_), "bool_val"),
    17: (np.dtype(np.uint16), "int_val"),
    22: (np.dtype(np.uint32), "uint32_val"),
    23: (np.dtype(np.uint64), "uint64_val"),
}
_NUMBERS = {dtype: number for number, (dtype, _) in _FIELDS.items()}
# Packed little-endian on the wire as in memory: field number and wire type 2.
_RAW_TAGS = {1: b"\x2a", 2: b"\x32"}
# What a few bytes may swell to by repetition.
_MAX_REPEATED = 1 << 26

Array = npt.NDArray[Any]


def typed_field(number: int) -> str | None:
    """Returns the typed field of a DataType that holds one value an element, exactly.

    Args:
        number: TensorFlow's DataType; None is returned for those whose field is wider
            than they are, or that have none.
    """
    dtype, field = _FIELDS.get(number, (None, ""))
    is_exact = dtype is not None and (field != "int_val" or dtype == np.int32)
    return field if is_exact else None


def arrays_from_protos(tensors: Mapping[str, Any]) -> dict[str, Array]:
    """Returns the inputs of a request by alias.

    Raises:
        ServingError: INVALID_ARGUMENT: as `array_from_proto`; the alias is named.
    """
    arrays = {}
    for alias, tensor in tensors.items():
        try:
            arrays[alias] = _read_array(tensor)
        except ValueError as error:
            raise _parsing_error(f"{alias}: {error}") from error
    return arrays


def array_from_proto(proto: Any) -> Array:
    """Returns a tensor's values; text as object (bytes).

    Raises:
        ServingError: INVALID_ARGUMENT: shape and values do not agree, or the dtype is
            unknown.
    """
    try:
        return _read_array(proto)
    except ValueError as error:
        raise _parsing_error(str(error)) from error


def _parsing_error(detail: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, f"tensor parsing error: {detail}")


def _read_array(proto: Any) -> Array:
    """Reads a tensor; ValueError: what is wrong with it."""
    shape = tuple(size.size for size in proto.tensor_shape.dim)
    known = _FIELDS.get(proto.dtype)
    if proto.tensor_shape.unknown_rank or any(size < 0 for size in shape):
        raise ValueError(f"shape {list(shape)}")
    if known is None:
        return _by_tensorflow(proto)
    dtype, field = known
    if proto.tensor_content and proto.dtype != _STRING:
        return _from_content(proto.tensor_content, dtype, shape)
    return _from_values(getattr(proto, field), dtype, shape)


def _from_content(content: bytes, dtype: np.dtype[Any], shape: Sequence[int]) -> Array:
    expected = math.prod(shape) * dtype.itemsize
    if len(content) != expected:
        raise ValueError(
            f"tensor_content has {len(content)} bytes; expected {expected} for {dtype} "
            f"{list(shape)}."
        )
    return np.frombuffer(content, dtype).reshape(shape)


def _from_values(values: Any, dtype: np.dtype[Any], shape: Sequence[int]) -> Array:
    given, count = len(values), math.prod(shape)
    is_swollen = given < count and count > _MAX_REPEATED
    if given > count or is_swollen or (not given and count and dtype.kind == "O"):
        raise ValueError(f"{given} values for the shape {list(shape)}.")
    array = np.empty(count, dtype)
    try:
        array[:given] = list(values)
    except OverflowError as error:
        raise ValueError(str(error)) from error
    # TensorFlow repeats the last value; none at all stands for zeros.
    array[given:] = array[given - 1] if given else 0
    return array.reshape(shape)


def _by_tensorflow(proto: Any) -> Array:
    """Reads the rare dtypes: bfloat16, complex, quantized, float8."""
    import tensorflow as tf

    try:
        return np.asarray(tf.make_ndarray(proto))
    except (TypeError, KeyError) as error:
        raise ValueError(str(error)) from error


def fill_proto(proto: Any, values: Array, *, as_content: bool = False) -> None:
    """Writes an array into an empty TensorProto.

    Args:
        proto: Is changed.
        values: Text as object (bytes).
        as_content: Numbers as `tensor_content`; text is always in its typed field.
    """
    number = _NUMBERS.get(values.dtype)
    if number is None:
        import tensorflow as tf

        proto.CopyFrom(tf.make_tensor_proto(values))
        return
    proto.dtype = number
    for size in values.shape:
        proto.tensor_shape.dim.add(size=size)
    if as_content and number != _STRING:
        proto.tensor_content = values.tobytes()
    elif number in _RAW_TAGS and values.size:
        content = values.tobytes()
        proto.MergeFromString(_RAW_TAGS[number] + _varint(len(content)) + content)
    else:
        getattr(proto, _FIELDS[number][1]).extend(values.ravel().tolist())


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits a byte
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)

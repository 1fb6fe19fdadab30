"""numpy arrays to TensorProto and back.

Numbers go as `tensor_content`, their bytes; text goes as `string_val`. They come in
either form. A typed field that holds fewer values than the shape has repeats its last;
one that holds none stands for zeros, or "".

Source: tensorflow/core/framework/tensor.proto and tensor.cc, FromProtoField.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.client.tensor_types import BY_DTYPE, BY_NUMBER, TensorType, dtype_name

Array = npt.NDArray[Any]


def fill_tensor(proto: Any, values: Array) -> None:
    """Writes an array into an empty TensorProto.

    Args:
        proto: Is changed.
        values: Of a dtype in tensor_types; text as object (bytes).
    """
    known = BY_DTYPE[values.dtype]
    proto.dtype = known.number
    proto.tensor_shape.SetInParent()
    for size in values.shape:
        proto.tensor_shape.dim.add(size=size)
    if known.dtype.kind == "O":
        proto.string_val.extend(values.ravel().tolist())
    else:
        proto.tensor_content = values.astype(_on_the_wire(known)).tobytes()


def tensor_array(proto: Any) -> Array:
    """Returns a TensorProto's values; text as object (bytes).

    Raises:
        ValueError: numpy lacks the dtype, or shape and values do not agree.
    """
    known = BY_NUMBER.get(proto.dtype)
    if known is None:
        raise ValueError(
            f"a tensor is {dtype_name(proto.dtype)}, which numpy has no type for"
        )
    shape = tuple(size.size for size in proto.tensor_shape.dim)
    if proto.tensor_shape.unknown_rank or any(size < 0 for size in shape):
        raise ValueError(f"a tensor's shape is {list(shape)}, which is not known")
    if proto.tensor_content:
        content = np.frombuffer(proto.tensor_content, _on_the_wire(known))
        return content.astype(known.dtype).reshape(shape)
    values = _typed_values(proto, known)
    count = math.prod(shape)
    if len(values) > count:
        raise ValueError(f"a tensor of shape {list(shape)} has {len(values)} values")
    array = np.empty(count, known.dtype)
    array[: len(values)] = values
    array[len(values) :] = values[-1] if len(values) else _zero(known)
    return array.reshape(shape)


def _typed_values(proto: Any, known: TensorType) -> Any:
    values = getattr(proto, known.field)
    if known.dtype.kind == "c":
        pairs = np.array(values, known.dtype.char.lower())
        return pairs.view(known.dtype)
    if known.name == "DT_HALF":
        # The field holds the bits of each, as a whole number.
        return np.array(values, np.int32).astype(np.uint16).view(np.float16)
    return list(values)


def _zero(known: TensorType) -> Any:
    return b"" if known.dtype.kind == "O" else known.dtype.type(0)


def _on_the_wire(known: TensorType) -> np.dtype[Any]:
    if known.dtype.kind == "O":
        raise ValueError("a tensor of text has tensor_content; expected string_val")
    return known.dtype.newbyteorder("<")

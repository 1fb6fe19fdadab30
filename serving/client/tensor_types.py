"""TensorFlow's dtypes that numpy has: number, name, numpy's dtype, field of values.

Source: tensorflow/core/framework/types.proto and tensor.proto.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class TensorType:
    """One dtype.

    Attributes:
        name: TensorFlow's.
        number: Likewise.
        dtype: numpy's; object for text (bytes).
        field: Of TensorProto, where values are listed one by one.
    """

    name: str
    number: int
    dtype: np.dtype[Any]
    field: str


_TYPES = (
    TensorType("DT_FLOAT", 1, np.dtype(np.float32), "float_val"),
    TensorType("DT_DOUBLE", 2, np.dtype(np.float64), "double_val"),
    TensorType("DT_INT32", 3, np.dtype(np.int32), "int_val"),
    TensorType("DT_UINT8", 4, np.dtype(np.uint8), "int_val"),
    TensorType("DT_INT16", 5, np.dtype(np.int16), "int_val"),
    TensorType("DT_INT8", 6, np.dtype(np.int8), "int_val"),
    TensorType("DT_STRING", 7, np.dtype(object), "string_val"),
    TensorType("DT_COMPLEX64", 8, np.dtype(np.complex64), "scomplex_val"),
    TensorType("DT_INT64", 9, np.dtype(np.int64), "int64_val"),
    TensorType("DT_BOOL", 10, np.dtype(np.bool_), "bool_val"),
    TensorType("DT_UINT16", 17, np.dtype(np.uint16), "int_val"),
    TensorType("DT_COMPLEX128", 18, np.dtype(np.complex128), "dcomplex_val"),
    TensorType("DT_HALF", 19, np.dtype(np.float16), "half_val"),
    TensorType("DT_UINT32", 22, np.dtype(np.uint32), "uint32_val"),
    TensorType("DT_UINT64", 23, np.dtype(np.uint64), "uint64_val"),
)
BY_NAME: Mapping[str, TensorType] = {known.name: known for known in _TYPES}
BY_NUMBER: Mapping[int, TensorType] = {known.number: known for known in _TYPES}
BY_DTYPE: Mapping[np.dtype[Any], TensorType] = {known.dtype: known for known in _TYPES}


def dtype_name(number: int) -> str:
    """Returns TensorFlow's name of a dtype; its number for one that numpy lacks."""
    known = BY_NUMBER.get(number)
    return known.name if known else f"dtype {number}"

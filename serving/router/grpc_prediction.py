"""What is known of PredictRequests and PredictResponses as bytes.

Source: https://protobuf.dev/programming-guides/encoding/ (fields of one number are
merged, in whatever order they come); tensorflow_serving/apis/{predict,model}.proto.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.client.tensor_proto import tensor_array
from serving.client.wire_messages import new_message, parse_message

PREDICT = "/tensorflow.serving.PredictionService/Predict"

_SPEC_TAG = 0x0A  # field 1, with a length
_FIRST_BYTES = 1024
_LENGTH_BITS = 0x7F

Outputs = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class AskedModel:
    """Which model a PredictRequest is for.

    Attributes:
        name: The model's; "": the request cannot be read.
        is_pinned: It names a version or a label.
    """

    name: str
    is_pinned: bool


_UNREADABLE = AskedModel(name="", is_pinned=True)


def asked_model(request: bytes) -> AskedModel:
    """Reads whom a request asks; its tensors are not looked at, where that is enough.

    Args:
        request: A PredictRequest, serialized.
    """
    spec = _leading_spec(request)
    try:
        if spec is None:
            spec = parse_message("PredictRequest", request).model_spec
    except ValueError:
        return _UNREADABLE
    return AskedModel(
        name=spec.name,
        is_pinned=spec.HasField("version") or bool(spec.version_label),
    )


def with_version(request: bytes, version: int) -> bytes:
    """Returns a request that asks for a version, for one that names none."""
    merged = new_message("PredictRequest")
    merged.model_spec.version.value = version
    return request + bytes(merged.SerializeToString())


def lacks_outputs(response: bytes) -> bool:
    """Returns whether a good answer has no outputs, or NaN among them."""
    try:
        outputs = outputs_of(response)
    except ValueError:
        return True
    if not outputs:
        return True
    return any(
        not array.size or (array.dtype.kind == "f" and bool(np.isnan(array).any()))
        for array in outputs.values()
    )


def outputs_of(response: bytes) -> Outputs:
    """Reads the outputs of a PredictResponse.

    Raises:
        ValueError: The bytes are none, or numpy lacks a dtype.
    """
    message = parse_message("PredictResponse", response)
    return {name: tensor_array(message.outputs[name]) for name in message.outputs}


def are_alike(given: bytes, other: bytes, tolerance: float) -> bool:
    """Returns whether two answers to one request say the same.

    Args:
        given: PredictResponse of the arm that answered.
        other: PredictResponse of the arm in shadow.
        tolerance: Numbers may differ by so much, absolute, and by as large a part of
            the other's.
    """
    try:
        found, others = outputs_of(given), outputs_of(other)
    except ValueError:
        return given == other
    if found.keys() != others.keys():
        return False
    return all(_same(found[name], others[name], tolerance) for name in found)


def _same(one: npt.NDArray[Any], other: npt.NDArray[Any], tolerance: float) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if one.dtype.kind == "f":
        return bool(
            np.allclose(one, other, rtol=tolerance, atol=tolerance, equal_nan=True)
        )
    return bool(np.array_equal(one, other))


def _leading_spec(request: bytes) -> Any:
    """Returns the ModelSpec where it comes first, as senders write it; None: not so."""
    if not request or request[0] != _SPEC_TAG or len(request) < _FIRST_BYTES:
        return None  # short ones are quickly read as a whole
    size = request[1]
    if size > _LENGTH_BITS:
        return None
    spec = new_message("ModelSpec")
    spec.ParseFromString(request[2 : 2 + size])
    return spec

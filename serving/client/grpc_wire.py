"""A model's calls in TF Serving's gRPC.

Source: tensorflow_serving/apis/prediction_service.proto and model_service.proto.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from serving.client.columns import Rows, input_arrays, rows_to_columns
from serving.client.errors import error_type
from serving.client.example_features import Examples, fill_examples
from serving.client.exchange import Failure, Success
from serving.client.model_info import (
    ModelMetadata,
    SignatureInfo,
    TensorInfo,
    VersionStatus,
)
from serving.client.model_target import ModelTarget
from serving.client.strict_arrays import Array
from serving.client.tensor_proto import fill_tensor, tensor_array
from serving.client.tensor_types import dtype_name
from serving.client.wire_messages import new_message, parse_message

_PREDICTION = "/tensorflow.serving.PredictionService/"
_MODEL = "/tensorflow.serving.ModelService/"
_SIGNATURE_DEF = "signature_def"
_STATES: Mapping[int, str] = {
    10: "START",
    20: "LOADING",
    30: "AVAILABLE",
    40: "UNLOADING",
    50: "END",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class GrpcRequest:
    """What is asked.

    Attributes:
        method: Full name, with its slashes.
        body: The message, serialized.
    """

    method: str
    body: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class GrpcReply:
    """What is answered.

    Attributes:
        code: Name of gRPC's code; "OK".
        message: Why; "" with "OK".
        metadata: The trailing metadata.
        body: The message, serialized; empty where the code is another.
    """

    code: str
    message: str
    metadata: Mapping[str, str]
    body: bytes = b""


class GrpcWire:
    """One model's gRPC; see Wire."""

    def __init__(self, place: str, target: ModelTarget) -> None:
        """Takes the server's address, for messages, and the model."""
        self.place = place
        self._target = target

    def predict_rows(
        self, rows: Rows, name: str, signature: SignatureInfo
    ) -> GrpcRequest:
        """Asks with the rows' values put together, a tensor an input."""
        return self.predict_columns(rows_to_columns(rows), name, signature)

    def predict_columns(
        self, columns: Mapping[str, Any], name: str, signature: SignatureInfo
    ) -> GrpcRequest:
        """Asks with a tensor an input."""
        request = new_message("PredictRequest")
        self._fill_spec(request.model_spec, name)
        for key, array in input_arrays(columns, signature.inputs).items():
            fill_tensor(request.inputs[key], array)
        return _request(f"{_PREDICTION}Predict", request)

    def classify(self, examples: Examples, name: str) -> GrpcRequest:
        """Asks for classes."""
        request = new_message("ClassificationRequest")
        self._fill_spec(request.model_spec, name)
        fill_examples(request.input.example_list, examples)
        return _request(f"{_PREDICTION}Classify", request)

    def regress(self, examples: Examples, name: str) -> GrpcRequest:
        """Asks for values."""
        request = new_message("RegressionRequest")
        self._fill_spec(request.model_spec, name)
        fill_examples(request.input.example_list, examples)
        return _request(f"{_PREDICTION}Regress", request)

    def status(self) -> GrpcRequest:
        """Asks for the versions' states."""
        request = new_message("GetModelStatusRequest")
        self._fill_spec(request.model_spec)
        return _request(f"{_MODEL}GetModelStatus", request)

    def metadata(self, version: int | None) -> GrpcRequest:
        """Asks for the signatures."""
        request = new_message("GetModelMetadataRequest")
        if version is None:
            self._fill_spec(request.model_spec)
        else:
            request.model_spec.name = self._target.name
            request.model_spec.version.value = version
        request.metadata_field.append(_SIGNATURE_DEF)
        return _request(f"{_PREDICTION}GetModelMetadata", request)

    def read(self, reply: GrpcReply) -> Success | Failure:
        """Says what a reply is, by its code."""
        if reply.code != "OK":
            return Failure(
                kind=error_type(reply.code), code=reply.code, message=reply.message
            )
        version = reply.metadata.get("x-slipway-model-version", "")
        return Success(
            body=reply.body,
            model_version=int(version) if version.isdecimal() else None,
            bundle_digest=reply.metadata.get("x-slipway-bundle-digest"),
            request_id=reply.metadata.get("x-request-id", ""),
        )

    def outputs(
        self, answer: Success, signature: SignatureInfo
    ) -> tuple[dict[str, Array], int | None]:
        """Reads a prediction; the tensors say their dtypes themselves."""
        del signature
        response = parse_message("PredictResponse", answer.body)
        arrays = {
            name: tensor_array(response.outputs[name])
            for name in sorted(response.outputs)
        }
        spec = response.model_spec
        return arrays, spec.version.value if spec.HasField("version") else None

    def classes(self, answer: Success) -> tuple[tuple[tuple[str, float], ...], ...]:
        """Reads a classification."""
        response = parse_message("ClassificationResponse", answer.body)
        return tuple(
            tuple((one.label, one.score) for one in found.classes)
            for found in response.result.classifications
        )

    def values(self, answer: Success) -> Array:
        """Reads a regression."""
        response = parse_message("RegressionResponse", answer.body)
        return np.array([one.value for one in response.result.regressions], np.float32)

    def versions(self, answer: Success) -> tuple[VersionStatus, ...]:
        """Reads a status."""
        response = parse_message("GetModelStatusResponse", answer.body)
        return tuple(
            VersionStatus(
                version=found.version,
                state=_STATES.get(found.state, "UNKNOWN"),
                error_code=code_name(found.status.error_code),
                error_message=found.status.error_message,
            )
            for found in response.model_version_status
        )

    def signatures(self, answer: Success) -> ModelMetadata:
        """Reads metadata."""
        response = parse_message("GetModelMetadataResponse", answer.body)
        packed = response.metadata[_SIGNATURE_DEF].value
        found = parse_message("SignatureDefMap", packed).signature_def
        return ModelMetadata(
            version=response.model_spec.version.value,
            signatures={
                name: SignatureInfo(
                    method_name=found[name].method_name,
                    inputs=_tensors(found[name].inputs),
                    outputs=_tensors(found[name].outputs),
                )
                for name in sorted(found)
            },
        )

    def _fill_spec(self, spec: Any, signature: str = "") -> None:
        spec.name = self._target.name
        spec.signature_name = signature
        if self._target.version is not None:
            spec.version.value = self._target.version
        elif self._target.label is not None:
            spec.version_label = self._target.label


def code_name(number: int) -> str:
    """Returns the name of one of gRPC's codes; its number for an unknown one."""
    import grpc

    for code in grpc.StatusCode:
        if code.value[0] == number:
            return str(code.name)
    return str(number)


def _request(method: str, message: Any) -> GrpcRequest:
    return GrpcRequest(method=method, body=message.SerializeToString())


def _tensors(found: Any) -> dict[str, TensorInfo]:
    return {name: _tensor(found[name]) for name in sorted(found)}


def _tensor(found: Any) -> TensorInfo:
    shape = found.tensor_shape
    sizes = None if shape.unknown_rank else tuple(size.size for size in shape.dim)
    return TensorInfo(dtype=dtype_name(found.dtype), shape=sizes)

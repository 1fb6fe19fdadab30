"""Reads the rows of a request and its answer, typed as the model's signature is.

tf.Examples are handed on as they are: the log reads them by the contract.

Source: tensorflow_serving/g3doc/api_rest.md, "Predict API" and "Encoding binary
values"; tensorflow_serving/apis/predict.proto.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from serving.client.columns import input_arrays
from serving.client.model_info import TensorInfo
from serving.client.rest_answers import read_outputs
from serving.client.tensor_proto import tensor_array
from serving.client.wire_messages import parse_message
from serving.prediction_log.logged_request import Rows
from serving.router.http_message import ProxyAnswer, ProxyRequest, plain_body
from serving.router.rest_prediction import MAX_PLAIN_BYTES
from serving.router.served_models import ServedModel

_DEFAULT = "serving_default"

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictedRows:
    """The rows of one prediction.

    Attributes:
        signature: Its name.
        rows: Inputs and outputs.
        num_rows: How many.
    """

    signature: str
    rows: Rows
    num_rows: int


def rest_rows(
    request: ProxyRequest, answer: ProxyAnswer, model: ServedModel
) -> PredictedRows:
    """Reads a predict request of REST, in row or column format.

    Raises:
        ValueError, KeyError, TypeError: Something is not as the signature says.
    """
    document = json.loads(plain_body(request.headers, request.body, MAX_PLAIN_BYTES))
    name = document.get("signature_name", _DEFAULT)
    signature = model.signatures[name]
    if "instances" in document:
        columns = _columns_of_rows(document["instances"], signature.inputs)
    else:
        columns = _columns(document["inputs"], signature.inputs)
    inputs = input_arrays(_without_base64(columns), signature.inputs)
    body = plain_body(answer.headers, answer.body, MAX_PLAIN_BYTES)
    return _rows(name, inputs, read_outputs(body, signature.outputs))


def grpc_rows(request: bytes, response: bytes) -> PredictedRows:
    """Reads a PredictRequest and its PredictResponse.

    Raises:
        ValueError: The bytes are none, or numpy lacks a dtype.
    """
    asked = parse_message("PredictRequest", request)
    told = parse_message("PredictResponse", response)
    name = asked.model_spec.signature_name or _DEFAULT
    inputs = {key: tensor_array(asked.inputs[key]) for key in asked.inputs}
    outputs = {key: tensor_array(told.outputs[key]) for key in told.outputs}
    return _rows(name, inputs, outputs)


def grpc_version(response: bytes) -> str:
    """Returns the version that a PredictResponse names; "": none."""
    spec = parse_message("PredictResponse", response).model_spec
    return str(spec.version.value) if spec.HasField("version") else ""


def _rows(name: str, inputs: Arrays, outputs: Arrays) -> PredictedRows:
    return PredictedRows(
        signature=name,
        rows=(inputs, outputs),
        num_rows=len(next(iter(inputs.values()))),
    )


def _columns_of_rows(
    instances: Any, inputs: Mapping[str, TensorInfo]
) -> dict[str, Any]:
    if isinstance(instances[0], dict) and instances[0].keys() != {"b64"}:
        return {name: [row[name] for row in instances] for name in instances[0]}
    return _columns(instances, inputs)


def _columns(values: Any, inputs: Mapping[str, TensorInfo]) -> dict[str, Any]:
    if isinstance(values, dict) and values.keys() != {"b64"}:
        return values
    [name] = inputs  # one input needs no name
    return {name: values}


def _without_base64(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_base64(one) for one in value]
    if isinstance(value, dict):
        if value.keys() == {"b64"}:
            return base64.b64decode(value["b64"])
        return {name: _without_base64(one) for name, one in value.items()}
    return value

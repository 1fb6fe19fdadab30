"""A client's side of the wire: HTTP and gRPC as TF Serving speaks them."""

import http.client
import json
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

TIMEOUT_S = 30.0


@dataclass(frozen=True, kw_only=True)
class HttpAnswer:
    """One HTTP answer.

    Attributes:
        status: HTTP's.
        headers: By name in lower case.
        body: Undecoded.
    """

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body read as JSON, with NaN and Infinity."""
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The text of an error; "" where the body is empty."""
        return str(self.json["error"]) if self.body else ""


class Wire:
    """Talks to one server at 127.0.0.1."""

    def __init__(self, rest_port: int, grpc_target: str, **channel: Any) -> None:
        """Opens a gRPC channel.

        Args:
            rest_port: Of REST.
            grpc_target: Of gRPC, such as "127.0.0.1:8500" or "unix:/tmp/socket".
            channel: `credentials` for TLS; `options` of gRPC.
        """
        self.rest_port = rest_port
        credentials = channel.pop("credentials", None)
        self.channel = (
            grpc.secure_channel(grpc_target, credentials, **channel)
            if credentials
            else grpc.insecure_channel(grpc_target, **channel)
        )
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(
            self.channel
        )
        self.models = model_service_pb2_grpc.ModelServiceStub(self.channel)

    def close(self) -> None:
        """Closes the channel."""
        self.channel.close()

    def http(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> HttpAnswer:
        """Sends one request on a connection of its own."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.rest_port, timeout=TIMEOUT_S
        )
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return HttpAnswer(
                status=answer.status,
                headers={key.lower(): value for key, value in answer.getheaders()},
                body=answer.read(),
            )
        finally:
            connection.close()

    def get(self, path: str) -> HttpAnswer:
        """Sends a GET."""
        return self.http("GET", path)

    def post(self, path: str, body: str | bytes) -> HttpAnswer:
        """Sends a POST."""
        return self.http("POST", path, body.encode() if isinstance(body, str) else body)

    def states(self, model: str) -> dict[int, str]:
        """Returns version to state; {} where the model is not known."""
        answer = self.get(f"/v1/models/{model}")
        if answer.status != 200:
            return {}
        return {
            int(found["version"]): found["state"]
            for found in answer.json["model_version_status"]
        }

    def available(self, model: str) -> set[int]:
        """Returns the versions that serve."""
        states = self.states(model)
        return {version for version, state in states.items() if state == "AVAILABLE"}


def predict_request(model: str, *, signature: str = "", **inputs: Any) -> Any:
    """Returns a PredictRequest; inputs are arrays, or TensorProtos as they are."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    for name, values in inputs.items():
        tensor = (
            values
            if hasattr(values, "tensor_shape")
            else tf.make_tensor_proto(np.asarray(values))
        )
        request.inputs[name].CopyFrom(tensor)
    return request


def floats(*values: float, columns: int | None = None) -> Any:
    """Returns float32 [n], or [n, columns]."""
    array = np.array(values, np.float32)
    return array if columns is None else array.reshape(-1, columns)


def with_examples(request: Any, model: str, signature: str, *xs: float) -> Any:
    """Fills a Classify or Regress request with one tf.Example for each x."""
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    for x in xs:
        example = request.input.example_list.examples.add()
        example.features.feature["x"].float_list.value.append(x)
    return request


def failure(call: Any, request: Any, **options: Any) -> grpc.RpcError:
    """Returns the error of an RPC that must fail."""
    try:
        answer = call(request, timeout=TIMEOUT_S, **options)
    except grpc.RpcError as error:
        return error
    raise AssertionError(f"answered instead of refusing:\n{answer}")

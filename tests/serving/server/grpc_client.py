"""A client of the gRPC services, and the requests that tests put."""

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)


class Client:
    """Stubs of both services, and the last call's trailing metadata."""

    def __init__(self, channel):
        self.channel = channel
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        self.model = model_service_pb2_grpc.ModelServiceStub(channel)
        self.metadata = {}

    async def call(self, stub, name, request, **options):
        asked = getattr(stub, name)(request, **options)
        try:
            return await asked
        finally:
            self.metadata = dict(await asked.trailing_metadata() or ())


def predict_request(values=(2.0,), **spec):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = spec.pop("name", "m")
    for field, value in spec.items():
        if field == "version":
            request.model_spec.version.value = value
        else:
            setattr(request.model_spec, field, value)
    tensor = tf.make_tensor_proto(np.array(values, np.float32).reshape(-1, 1))
    request.inputs["x"].CopyFrom(tensor)
    return request


def example_input(message, *values):
    for value in values:
        example = message.input.example_list.examples.add()
        example.features.feature["x"].float_list.value.append(value)
    return message


def row_request(model, values, dtypes):
    """Returns a PredictRequest of one row; `dtypes` is input name to TensorFlow's."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    for (name, dtype), given in zip(dtypes.items(), values, strict=True):
        missing = b"" if dtype == tf.string else np.nan
        value = missing if given is None else given
        request.inputs[name].CopyFrom(tf.make_tensor_proto([value], dtype))
    return request

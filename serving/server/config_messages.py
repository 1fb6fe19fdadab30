"""TF Serving's configuration messages that tensorflow-serving-api leaves out.

They are declared here field by field, so that a file in protobuf's text format that
`tensorflow_model_server` reads is read here by the same rules: an unknown field is an
error.

Source: tensorflow_serving/servables/tensorflow/session_bundle_config.proto,
tensorflow_serving/config/ssl_config.proto and monitoring_config.proto.
"""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from serving.server.status import Code, ServingError

_PACKAGE = "tensorflow.serving"
_WRAPPERS = "google/protobuf/wrappers.proto"

# Message to field to (type, number); "*" marks a repeated field.
_MESSAGES: Mapping[str, Mapping[str, tuple[str, int]]] = {
    "BatchingParameters": {
        "max_batch_size": ("google.protobuf.Int64Value", 1),
        "batch_timeout_micros": ("google.protobuf.Int64Value", 2),
        "max_enqueued_batches": ("google.protobuf.Int64Value", 3),
        "num_batch_threads": ("google.protobuf.Int64Value", 4),
        "thread_pool_name": ("google.protobuf.StringValue", 5),
        "allowed_batch_sizes": ("int64*", 6),
        "pad_variable_length_inputs": ("bool", 7),
        "enable_large_batch_splitting": ("google.protobuf.BoolValue", 8),
        "max_execution_batch_size": ("google.protobuf.Int64Value", 9),
    },
    "SSLConfig": {
        "server_key": ("string", 1),
        "server_cert": ("string", 2),
        "custom_ca": ("string", 3),
        "client_verify": ("bool", 4),
    },
    "PrometheusConfig": {"enable": ("bool", 1), "path": ("string", 2)},
    "MonitoringConfig": {
        "prometheus_config": (f"{_PACKAGE}.PrometheusConfig", 1),
    },
}


def new_message(name: str) -> Any:
    """Returns an empty message.

    Args:
        name: "BatchingParameters", "SSLConfig" or "MonitoringConfig".
    """
    from google.protobuf import message_factory

    descriptor = _pool().FindMessageTypeByName(f"{_PACKAGE}.{name}")
    return message_factory.GetMessageClass(descriptor)()


def read_text_message(path: Path, message: Any) -> Any:
    """Fills a message from a file in protobuf's text format.

    Raises:
        ServingError: INVALID_ARGUMENT: the file cannot be read, or is none.
    """
    from google.protobuf import text_format

    try:
        text = path.read_text(encoding="utf-8")
        return text_format.Parse(text, message)
    except (OSError, UnicodeDecodeError) as error:
        raise ServingError(
            Code.INVALID_ARGUMENT, f"{str(path)!r} cannot be read: {error}."
        ) from error
    except text_format.ParseError as error:
        raise ServingError(
            Code.INVALID_ARGUMENT, f"Invalid protobuf file: '{path}': {error}"
        ) from error


@functools.cache
def _pool() -> Any:
    from google.protobuf import descriptor_pb2, descriptor_pool, wrappers_pb2

    file = descriptor_pb2.FileDescriptorProto(
        name="slipway/serving_config.proto",
        package=_PACKAGE,
        syntax="proto3",
        dependency=[_WRAPPERS],
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (kind, number) in fields.items():
            _add_field(message, field, kind, number)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def _add_field(message: Any, name: str, kind: str, number: int) -> None:
    field = message.field.add(name=name, number=number, json_name=name)
    plain = kind.rstrip("*")
    field.label = field.LABEL_REPEATED if kind.endswith("*") else field.LABEL_OPTIONAL
    scalars = {
        "int64": field.TYPE_INT64,
        "bool": field.TYPE_BOOL,
        "string": field.TYPE_STRING,
    }
    if plain in scalars:
        field.type = scalars[plain]
    else:
        field.type = field.TYPE_MESSAGE
        field.type_name = f".{plain}"

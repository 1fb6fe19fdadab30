"""TF Serving's messages, as far as a client needs them, without TensorFlow.

tensorflow-serving-api has them all and needs TensorFlow to be imported. What goes over
the wire is only fields' numbers and types, so the same fields are declared here, under
a package of our own: both can be used in one process.

Enums are declared as int32 and members of a oneof as fields of their own: on the wire
they are the same.

Source: tensorflow/core/framework/{tensor,tensor_shape}.proto,
core/protobuf/meta_graph.proto, core/example/{example,feature}.proto;
tensorflow_serving/apis/{model,predict,input,classification,regression,
get_model_metadata,get_model_status}.proto and util/status.proto.
"""

import functools
import re
from typing import Any

_PACKAGE = "slipway.wire"
_PROTO = """
message Dim { int64 size = 1; string name = 2; }
message TensorShapeProto { repeated Dim dim = 2; bool unknown_rank = 3; }
message TensorProto {
  int32 dtype = 1;
  TensorShapeProto tensor_shape = 2;
  int32 version_number = 3;
  bytes tensor_content = 4;
  repeated float float_val = 5;
  repeated double double_val = 6;
  repeated int32 int_val = 7;
  repeated bytes string_val = 8;
  repeated float scomplex_val = 9;
  repeated int64 int64_val = 10;
  repeated bool bool_val = 11;
  repeated double dcomplex_val = 12;
  repeated int32 half_val = 13;
  repeated uint32 uint32_val = 16;
  repeated uint64 uint64_val = 17;
}
message TensorInfo {
  string name = 1;
  int32 dtype = 2;
  TensorShapeProto tensor_shape = 3;
}
message SignatureDef {
  map<string, TensorInfo> inputs = 1;
  map<string, TensorInfo> outputs = 2;
  string method_name = 3;
}
message BytesList { repeated bytes value = 1; }
message FloatList { repeated float value = 1; }
message Int64List { repeated int64 value = 1; }
message Feature {
  BytesList bytes_list = 1;
  FloatList float_list = 2;
  Int64List int64_list = 3;
}
message Features { map<string, Feature> feature = 1; }
message Example { Features features = 1; }
message ExampleList { repeated Example examples = 1; }
message Input { ExampleList example_list = 1; }
message Int64Value { int64 value = 1; }
message Any { string type_url = 1; bytes value = 2; }
message ModelSpec {
  string name = 1;
  Int64Value version = 2;
  string signature_name = 3;
  string version_label = 4;
}
message PredictRequest {
  ModelSpec model_spec = 1;
  map<string, TensorProto> inputs = 2;
  repeated string output_filter = 3;
}
message PredictResponse {
  map<string, TensorProto> outputs = 1;
  ModelSpec model_spec = 2;
}
message ClassificationRequest { ModelSpec model_spec = 1; Input input = 2; }
message Class { string label = 1; float score = 2; }
message Classifications { repeated Class classes = 1; }
message ClassificationResult { repeated Classifications classifications = 1; }
message ClassificationResponse {
  ClassificationResult result = 1;
  ModelSpec model_spec = 2;
}
message RegressionRequest { ModelSpec model_spec = 1; Input input = 2; }
message Regression { float value = 1; }
message RegressionResult { repeated Regression regressions = 1; }
message RegressionResponse { RegressionResult result = 1; ModelSpec model_spec = 2; }
message GetModelMetadataRequest {
  ModelSpec model_spec = 1;
  repeated string metadata_field = 2;
}
message GetModelMetadataResponse {
  ModelSpec model_spec = 1;
  map<string, Any> metadata = 2;
}
message SignatureDefMap { map<string, SignatureDef> signature_def = 1; }
message GetModelStatusRequest { ModelSpec model_spec = 1; }
message StatusProto { int32 error_code = 1; string error_message = 2; }
message ModelVersionStatus {
  int64 version = 1;
  int32 state = 2;
  StatusProto status = 3;
}
message GetModelStatusResponse { repeated ModelVersionStatus model_version_status = 1; }
"""
_MESSAGE = re.compile(r"message (\w+) \{(.*?)\}", re.DOTALL)
_FIELD = re.compile(r"(repeated |map<string, )?(\w+)>? (\w+) = (\d+);")


def new_message(name: str) -> Any:
    """Returns an empty message.

    Args:
        name: As declared above, such as "PredictRequest".
    """
    return _message_class(name)()


def parse_message(name: str, content: bytes) -> Any:
    """Reads a message.

    Raises:
        ValueError: The bytes are none.
    """
    from google.protobuf.message import DecodeError

    message = new_message(name)
    try:
        message.ParseFromString(content)
    except DecodeError as error:
        raise ValueError(f"the answer is no {name}") from error
    return message


@functools.cache
def _message_class(name: str) -> Any:
    from google.protobuf import message_factory

    descriptor = _pool().FindMessageTypeByName(f"{_PACKAGE}.{name}")
    return message_factory.GetMessageClass(descriptor)


@functools.cache
def _pool() -> Any:
    from google.protobuf import descriptor_pb2, descriptor_pool

    file = descriptor_pb2.FileDescriptorProto(
        name="slipway/wire.proto", package=_PACKAGE, syntax="proto3"
    )
    for name, fields in _MESSAGE.findall(_PROTO):
        message = file.message_type.add(name=name)
        for kind, type_name, field, number in _FIELD.findall(fields):
            if kind.startswith("map"):
                entry = _add_map_entry(message, field, type_name)
                _add_field(message, field, int(number), entry, is_repeated=True)
            else:
                _add_field(
                    message, field, int(number), type_name, is_repeated=bool(kind)
                )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def _add_map_entry(message: Any, field: str, value_type: str) -> str:
    """Declares the pairs of a map, as protoc does; returns their type."""
    name = "".join(part.capitalize() for part in field.split("_")) + "Entry"
    entry = message.nested_type.add(name=name)
    entry.options.map_entry = True
    _add_field(entry, "key", 1, "string")
    _add_field(entry, "value", 2, value_type)
    return f"{message.name}.{name}"


def _add_field(
    message: Any, name: str, number: int, type_name: str, *, is_repeated: bool = False
) -> None:
    field = message.field.add(name=name, number=number, json_name=name)
    field.label = field.LABEL_REPEATED if is_repeated else field.LABEL_OPTIONAL
    scalar = getattr(field, f"TYPE_{type_name.upper()}", None)
    if scalar is None:
        field.type, field.type_name = field.TYPE_MESSAGE, f".{_PACKAGE}.{type_name}"
    else:
        field.type = scalar

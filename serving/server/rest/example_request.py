"""A classify or regress request's JSON becomes serialized tf.Examples.

    {"signature_name": "…", "context": {feature: …}, "examples": [{feature: …}, …]}

A feature is a value or a list of values of one kind: whole numbers and booleans are
int64, numbers with a fraction float32, strings and {"b64": …} bytes. The context's
features belong to every example; an example's own come after them and win.
Source: tensorflow_serving/util/json_tensor.cc, FillClassifyRegressRequestFromJson;
tensorflow_serving/servables/tensorflow/util.cc, InputToSerializedExampleTensor.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serving.server.rest.example_wire import (
    bytes_feature,
    example,
    float_feature,
    int64_feature,
)
from serving.server.rest.json_text import check_names_once, parse_object
from serving.server.rest.json_value import is_base64, type_name, value_text
from serving.server.rest.predict_request import asked_signature
from serving.server.rest.tensor_types import check_single, decode_base64
from serving.server.status import Code, ServingError

_MAX_INT64 = (1 << 63) - 1
_EMPTY_FEATURE = b""
_WRITERS: dict[str, Callable[[Sequence[Any]], bytes]] = {
    "bytes": bytes_feature,
    "float": float_feature,
    "int64": int64_feature,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ExampleRequest:
    """A parsed body.

    Attributes:
        signature_name: What it asks for; "": it names none.
        examples: Serialized tf.Examples, at least one.
    """

    signature_name: str
    examples: list[bytes]


def parse_example_request(body: bytes, max_instances: int) -> ExampleRequest:
    """Reads a body.

    Args:
        body: UTF-8.
        max_instances: The most examples that are taken.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    document = parse_object(body)
    signature_name = asked_signature(document)
    context = b""
    if "context" in document:
        context = _example(document["context"])
    values = _example_values(document)
    if len(values) > max_instances:
        raise _invalid(
            f"The request has {len(values)} examples; expected at most "
            f"{max_instances}. Send them in several requests."
        )
    examples = [context + _example(value) for value in values]
    check_names_once(body, document, len(document))
    return ExampleRequest(signature_name=signature_name, examples=examples)


def _example_values(document: Mapping[str, Any]) -> list[Any]:
    if "examples" not in document:
        raise _format_error(
            document,
            "When method is classify, key 'examples' is expected and was not found",
        )
    values = document["examples"]
    if type(values) is not list:
        raise _format_error(document, "Expecting 'examples' value to be an list/array")
    if not values:
        raise _format_error(document, "'examples' value is an empty array")
    return values


def _example(value: Any) -> bytes:
    if type(value) is not dict:
        raise _invalid(f"Example must be JSON object but got JSON {type_name(value)}")
    return example([(name, _feature(name, held)) for name, held in value.items()])


def _feature(name: str, held: Any) -> bytes:
    values = held if type(held) is list else [held]
    if not values:
        return _EMPTY_FEATURE
    kind, elements = "", []
    for value in values:
        kind_here, element = _feature_value(name, value)
        if kind and kind_here != kind:
            raise _invalid(
                f"Unexpected element type in feature: {name} expecting type: {kind}"
            )
        kind = kind_here
        elements.append(element)
    return _WRITERS[kind](elements)


def _feature_value(name: str, value: Any) -> tuple[str, Any]:
    """One value with the kind of feature it makes."""
    if type(value) is float:
        return "float", check_single(value)
    if type(value) is str:
        return "bytes", value.encode()
    if type(value) in (int, bool):
        if value > _MAX_INT64:
            raise _invalid(
                f"Feature: {name} has uint64 element. Only int64 is supported."
            )
        return "int64", int(value)
    if is_base64(value):
        return "bytes", decode_base64(value)
    raise _invalid(
        f"Feature: {name} has element with unexpected JSON type: {type_name(value)}"
    )


def _format_error(document: Mapping[str, Any], words: str) -> ServingError:
    return _invalid(f"JSON Value: {value_text(document)} {words}")


def _invalid(message: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, message)

"""tf.Examples for classification and regression, from plain Python values.

A feature is a value or a list of values of one kind: whole numbers and booleans become
int64, floats float32, text and bytes bytes. None, or no value, leaves the feature out.

Source: tensorflow/core/example/feature.proto; the kinds as TF Serving's REST takes
them, tensorflow_serving/util/json_tensor.cc.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from serving.client.errors import InvalidRequestError
from serving.client.wire_messages import new_message

Examples = Sequence[Mapping[str, Any]]
_KINDS: Mapping[type, str] = {
    int: "int64_list",
    bool: "int64_list",
    float: "float_list",
    str: "bytes_list",
    bytes: "bytes_list",
}


def plain_examples(examples: Examples) -> list[dict[str, list[Any]]]:
    """Returns each example's features with their lists of values.

    Args:
        examples: At least one.

    Raises:
        InvalidRequestError: There is none, or a feature has values of no kind or of
            several.
    """
    if not examples:
        raise InvalidRequestError("there are no examples; expected at least one.")
    found = []
    for example in examples:
        features = {name: _values(held) for name, held in example.items()}
        for name, values in features.items():
            feature_kind(name, values)
        found.append({name: values for name, values in features.items() if values})
    return found


def feature_kind(name: str, values: list[Any]) -> str:
    """Returns the name of tf.train.Feature's field that holds such values.

    Raises:
        InvalidRequestError: They are of no kind, or of several.
    """
    types = set(map(type, values))
    kinds = {_KINDS.get(one, "") for one in types}
    if "" in kinds or len(kinds) > 1:
        raise InvalidRequestError(
            f"feature {name!r} has {', '.join(sorted(one.__name__ for one in types))}; "
            "expected whole numbers, floats or text, and one of them only."
        )
    return kinds.pop() if kinds else ""


def fill_examples(example_list: Any, examples: Examples) -> None:
    """Writes examples into an empty ExampleList.

    Args:
        example_list: Is changed.
        examples: At least one.

    Raises:
        InvalidRequestError: As plain_examples does; or a whole number is no int64.
    """
    for example in plain_examples(examples):
        features = example_list.examples.add().features
        features.SetInParent()
        for name, values in example.items():
            field = getattr(features.feature[name], feature_kind(name, values))
            try:
                field.value.extend(_encoded(value) for value in values)
            except ValueError as error:
                raise InvalidRequestError(f"feature {name!r}: {error}.") from error


def serialized_example(features: Mapping[str, Any]) -> bytes:
    """Returns a tf.Example in wire format, for signatures that take such.

    Args:
        features: Name to a value or a list of values; None: the feature is absent.

    Raises:
        InvalidRequestError: As plain_examples does; or a whole number is no int64.
    """
    example_list = new_message("ExampleList")
    fill_examples(example_list, [features])
    return bytes(example_list.examples[0].SerializeToString(deterministic=True))


def _values(held: Any) -> list[Any]:
    plain = held.tolist() if hasattr(held, "tolist") else held
    if plain is None:
        return []
    return list(plain) if isinstance(plain, list | tuple) else [plain]


def _encoded(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value

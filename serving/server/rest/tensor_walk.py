"""Makes a tensor of a JSON value, value by value, as TF Serving does.

This is the rule; clean_values takes what is plain faster and leaves the rest, and
every error, to it.
Source: tensorflow_serving/util/json_tensor.cc, GetDenseTensorShape, FillTensorProto.
"""

import math
from typing import Any

from serving.server.rest.input_plan import InputPlan
from serving.server.rest.json_value import value_text
from serving.server.rest.tensor_types import Kind, element_value
from serving.server.status import Code, ServingError

MAX_RANK = 32
"""numpy and TensorFlow know more dimensions than any model has."""

Shape = tuple[int, ...]


def walk_tensor(value: Any, plan: InputPlan) -> tuple[list[Any], Shape]:
    """Returns the elements of a JSON value in order, and their shape.

    Args:
        value: A scalar, or lists in lists; the first of each gives the shape.
        plan: Of the input it is for.

    Raises:
        ServingError: INVALID_ARGUMENT: it is ragged, nested too deeply, or an element
            is of another type.
    """
    shape = _shape(value)
    if len(shape) > MAX_RANK:
        raise _invalid(
            f"Encountered list at unexpected level: {MAX_RANK} expected < {MAX_RANK}"
        )
    elements: list[Any] = []
    _fill(value, 0, shape, plan, elements)
    return elements, shape


def _shape(value: Any) -> Shape:
    shape = []
    while type(value) is list:
        shape.append(len(value))
        value = value[0] if value else None
    return tuple(shape)


def _fill(
    value: Any, level: int, shape: Shape, plan: InputPlan, elements: list[Any]
) -> None:
    if type(value) is not list:
        if level != len(shape):
            raise _invalid(
                f"JSON Value: {value_text(value)} found at incorrect level: "
                f"{level + 1} in the JSON DOM. Expected at level: {len(shape)}"
            )
        elements.append(_element(value, plan))
        return
    if level >= len(shape):
        raise _invalid(
            f"Encountered list at unexpected level: {level} expected < {len(shape)}"
        )
    if len(value) != shape[level]:
        raise _invalid(
            f"Encountered list at unexpected size: {len(value)} at level: {level} "
            f"expected size: {shape[level]}"
        )
    for inner in value:
        _fill(inner, level + 1, shape, plan, elements)


def _element(value: Any, plan: InputPlan) -> Any:
    if value is None and plan.is_nullable:
        return b"" if plan.element.kind is Kind.TEXT else math.nan
    return element_value(value, plan.element)


def _invalid(message: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, message)

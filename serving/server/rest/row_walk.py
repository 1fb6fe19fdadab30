"""Walks the rows of `instances` one by one, as TF Serving does.

Source: tensorflow_serving/util/json_tensor.cc, FillTensorMapFromInstancesList and
AddInstanceItem.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.server.rest.input_plan import InputPlan, SignaturePlan
from serving.server.rest.json_value import is_object, value_text
from serving.server.rest.tensor_walk import Shape, walk_tensor
from serving.server.status import Code, ServingError


class _Column:
    """The values of one input over the rows so far."""

    def __init__(self) -> None:
        self.elements: list[Any] = []
        self.shape: Shape | None = None

    def add(self, value: Any, plan: InputPlan) -> None:
        """Appends one row's value, of the same shape as the first row's."""
        elements, shape = walk_tensor(value, plan)
        if self.shape is None:
            self.shape = shape
        elif np.prod(self.shape, dtype=int) != len(elements):
            raise _invalid(
                f"Expecting tensor size: {np.prod(self.shape, dtype=int)} "
                f"but got: {len(elements)}"
            )
        elif self.shape != shape:
            raise _invalid(
                f"Expecting shape {_shape_text(self.shape)} "
                f"but got: {_shape_text(shape)}"
            )
        self.elements.extend(elements)

    def array(self, num_rows: int, plan: InputPlan) -> npt.NDArray[Any]:
        """All rows as one array [rows, …]."""
        flat = np.empty(len(self.elements), plan.element.dtype)
        flat[:] = self.elements
        return flat.reshape((num_rows, *(self.shape or ())))


def walk_rows(rows: Sequence[Any], plan: SignaturePlan) -> dict[str, npt.NDArray[Any]]:
    """Makes one array an input of rows of any form.

    Args:
        rows: At least one; all objects of inputs, or all plain values.
        plan: Of the signature; it has one input where the rows are plain.

    Raises:
        ServingError: INVALID_ARGUMENT, with the number of the row.
    """
    columns = {name: _Column() for name in plan.inputs}
    are_objects = is_object(rows[0])
    for number, row in enumerate(rows):
        if are_objects:
            _add_object(number, row, plan, columns)
        else:
            _add_value(number, row, plan, columns)
    return {
        name: column.array(len(rows), plan.inputs[name])
        for name, column in columns.items()
    }


def _add_object(
    number: int, row: Any, plan: SignaturePlan, columns: dict[str, _Column]
) -> None:
    if not is_object(row):
        raise _invalid(f"Expecting object but got list at item {number} of input list")
    for name, value in row.items():
        try:
            if name not in columns:
                raise _invalid(f"JSON object: does not have named input: {name}")
            columns[name].add(value, plan.inputs[name])
        except ServingError as error:
            raise _invalid(
                f"Failed to process element: {number} key: {name} of 'instances' "
                f"list. Error: {error.code.name}: {error.message}"
            ) from error
    if len(row) != len(columns):
        raise _invalid(
            f"Failed to process element: {number} of 'instances' list. JSON object: "
            f"{value_text(row)} keys must be equal to: {','.join(columns)}"
        )


def _add_value(
    number: int, row: Any, plan: SignaturePlan, columns: dict[str, _Column]
) -> None:
    if is_object(row):
        raise _invalid(
            f"Expecting value/list but got object at item {number} of input list"
        )
    [only] = plan.inputs.values()
    try:
        columns[only.name].add(row, only)
    except ServingError as error:
        raise _invalid(
            f"Failed to process element: {number} of 'instances' list. "
            f"Error: {error.code.name}: {error.message}"
        ) from error


def _shape_text(shape: Shape) -> str:
    return f"[{','.join(map(str, shape))}]"


def _invalid(message: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, message)

"""A predict request's JSON becomes arrays.

    {"signature_name": "…", "instances": [row, …]}     the row format
    {"signature_name": "…", "inputs": {name: column}}  the columnar format

A row is an object of inputs, or the value itself where there is one input; so is what
`inputs` holds.
Source: tensorflow_serving/util/json_tensor.cc, FillPredictRequestFromJson;
https://www.tensorflow.org/tfx/serving/api_rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.server.core import Arrays
from serving.server.rest.clean_values import clean_columns, clean_rows, clean_tensor
from serving.server.rest.input_plan import InputPlan, SignaturePlan
from serving.server.rest.json_text import check_names_once, parse_object
from serving.server.rest.json_value import is_object, value_text
from serving.server.rest.row_walk import walk_rows
from serving.server.rest.tensor_walk import walk_tensor
from serving.server.status import Code, ServingError

_MANY_INPUTS = "multiple input tensors required as per tensorinfo_map"
_ONE_FORMAT = (
    "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to "
    "exist "
)


@dataclass(kw_only=True, slots=True)
class PredictRequest:
    """A parsed body, before anybody knows the model's inputs.

    Attributes:
        body: What came.
        document: The JSON object.
        signature_name: What it asks for; "": it names none.
    """

    body: bytes
    document: Mapping[str, Any]
    signature_name: str


def parse_predict_request(body: bytes) -> PredictRequest:
    """Reads a body as far as it can be read without a signature.

    Raises:
        ServingError: INVALID_ARGUMENT: it is no JSON object, or signature_name is no
            string.
    """
    document = parse_object(body)
    return PredictRequest(
        body=body, document=document, signature_name=asked_signature(document)
    )


def asked_signature(document: Mapping[str, Any]) -> str:
    """Returns a document's signature_name; "" where it has none.

    Raises:
        ServingError: INVALID_ARGUMENT: it is no string.
    """
    name = document.get("signature_name", "")
    if type(name) is not str:
        raise _invalid(
            f"JSON Value: {value_text(document)} not formatted correctly. "
            "'signature_name' key must be a string value."
        )
    return name


def request_inputs(
    request: PredictRequest, plan: SignaturePlan, max_instances: int
) -> tuple[Arrays, bool]:
    """Returns the arrays of a request.

    Args:
        request: As parsed.
        plan: Of its signature.
        max_instances: The most rows that are taken.

    Returns:
        Input name to array, in the plan's order or not; and whether the request is in
        the row format, so that the answer is, too.

    Raises:
        ServingError: INVALID_ARGUMENT, or UNIMPLEMENTED for a type that JSON cannot
            give.
    """
    document = request.document
    if "instances" in document:
        if "inputs" in document:
            raise _format_error(document, _ONE_FORMAT)
        rows = _instances(document, max_instances)
        return _row_inputs(request, rows, plan), True
    if "inputs" not in document:
        raise _invalid("Missing 'inputs' or 'instances' key")
    inputs = _columnar_inputs(document["inputs"], plan)
    _check_lengths(inputs, max_instances)
    known_names = len(document)
    if type(document["inputs"]) is dict:
        known_names += len(document["inputs"])
    check_names_once(request.body, document, known_names)
    return inputs, False


def _instances(document: Mapping[str, Any], max_instances: int) -> list[Any]:
    rows = document["instances"]
    if type(rows) is not list:
        raise _format_error(document, "Excepting 'instances' to be an list/array")
    if not rows:
        raise _format_error(document, "No values in 'instances' array")
    _check_number(len(rows), max_instances)
    return rows


def _row_inputs(
    request: PredictRequest, rows: list[Any], plan: SignaturePlan
) -> Arrays:
    if not is_object(rows[0]) and len(plan.inputs) > 1:
        raise _invalid(
            "instances is a plain list, but expecting list of objects as "
            + _MANY_INPUTS
        )
    known_names = len(request.document)
    arrays: Arrays | None
    if type(rows[0]) is dict:
        arrays = clean_rows(rows, plan)
        if arrays is not None:
            known_names += len(rows) * len(plan.inputs)
    else:
        [only] = plan.inputs.values()
        array = clean_tensor(rows, only)
        arrays = None if array is None else {only.name: array}
    if arrays is None:
        arrays = walk_rows(rows, plan)
    check_names_once(request.body, request.document, known_names)
    return arrays


def _columnar_inputs(value: Any, plan: SignaturePlan) -> Arrays:
    if not is_object(value):
        if len(plan.inputs) > 1:
            raise _invalid(
                "inputs is a plain value/list, but expecting an object as "
                + _MANY_INPUTS
            )
        [only] = plan.inputs.values()
        array = clean_tensor(value, only) if type(value) is list else None
        return {only.name: _column(value, only) if array is None else array}
    arrays = clean_columns(value, plan)
    for name, input_plan in plan.inputs.items():
        if name in arrays:
            continue
        if name not in value:
            raise _invalid(f"Missing named input: {name} in 'inputs' object.")
        try:
            arrays[name] = _column(value[name], input_plan)
        except ServingError as error:
            raise ServingError(
                error.code, f"{error.message}, in named input: {name}"
            ) from error
    return arrays


def _column(value: Any, plan: InputPlan) -> npt.NDArray[Any]:
    elements, shape = walk_tensor(value, plan)
    return np.array(elements, plan.element.dtype).reshape(shape)


def _check_lengths(inputs: Arrays, max_instances: int) -> None:
    for array in inputs.values():
        if array.ndim:
            _check_number(len(array), max_instances)


def _check_number(num_rows: int, max_instances: int) -> None:
    if num_rows > max_instances:
        raise _invalid(
            f"The request has {num_rows} instances; expected at most {max_instances}. "
            "Send them in several requests."
        )


def _format_error(document: Mapping[str, Any], words: str) -> ServingError:
    return _invalid(f"JSON Value: {value_text(document)} {words}")


def _invalid(message: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, message)

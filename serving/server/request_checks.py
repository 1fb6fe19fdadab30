"""What is checked of a request before the graph sees it.

Names and dtypes always: TensorFlow's single-threaded executor ends the process over a
wrong dtype. The rank, sizes and equal numbers of rows where the bundle's contract
promises them; without a contract the graph decides, as in TF Serving.

Source: tensorflow_serving/servables/tensorflow/predict_util.cc for the words about
names.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.server.core import Arrays, Signature, TensorInfo
from serving.server.status import Code, ServingError

_TEXT_KINDS = "OSU"
_ROWS = (-1,)


def check_outputs(signature: Signature, outputs: Sequence[str]) -> None:
    """Refuses an output that the signature lacks, or one asked for twice.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    for place, name in enumerate(outputs):
        if name not in signature.outputs:
            raise ServingError(
                Code.INVALID_ARGUMENT,
                f"output tensor alias not found in signature: {name} Outputs expected "
                f"to be in the set {_braced(signature.outputs)}.",
            )
        if name in outputs[:place]:
            raise ServingError(
                Code.INVALID_ARGUMENT, f"duplicate output tensor alias: {name}"
            )


def ordered_inputs(signature: Signature, inputs: Arrays) -> list[npt.NDArray[Any]]:
    """Returns the inputs in alphabetical order, their dtypes the graph's.

    Raises:
        ServingError: INVALID_ARGUMENT: one is missing, unknown, or of another dtype.
    """
    if inputs.keys() != signature.inputs.keys():
        raise _names_error(signature, inputs)
    ordered = []
    for name, info in signature.inputs.items():
        values = inputs[name]
        if values.dtype != info.dtype:
            values = _as_text(info, values)
        ordered.append(values)
    return ordered


def _as_text(info: TensorInfo, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Returns numpy's fixed-width text as objects; refuses any other difference."""
    if info.dtype.kind == "O" and values.dtype.kind in _TEXT_KINDS:
        return values.astype(object)
    raise ServingError(
        Code.INVALID_ARGUMENT,
        f"input {info.name!r} came as {_dtype_name(values.dtype)}; expected "
        f"{_dtype_name(info.dtype)}.",
    )


def has_scalar_rows(signature: Signature) -> bool:
    """Tells whether any number of rows of one scalar an input fits the contract."""
    return all(info.shape in (None, (-1,)) for info in signature.inputs.values())


def check_contract(signature: Signature, ordered: Sequence[npt.NDArray[Any]]) -> None:
    """Refuses shapes that the contract does not allow.

    Args:
        signature: Whose shapes the contract has confirmed.
        ordered: What ordered_inputs gave.

    Raises:
        ServingError: INVALID_ARGUMENT: an input has another rank or size, or inputs
            have different numbers of rows.
    """
    rows: tuple[str, int] | None = None
    for info, values in zip(signature.inputs.values(), ordered, strict=True):
        expected, shape = info.shape, values.shape
        if expected is None:
            continue
        if not _fits(shape, expected):
            raise ServingError(
                Code.INVALID_ARGUMENT,
                f"input {info.name!r} came with the shape {list(shape)}; "
                f"expected {_shape_words(expected)}.",
            )
        if not expected or expected[0] >= 0:
            continue
        if rows is None:
            rows = (info.name, shape[0])
        elif rows[1] != shape[0]:
            raise ServingError(
                Code.INVALID_ARGUMENT,
                f"input {info.name!r} came with {shape[0]} rows and input "
                f"{rows[0]!r} with {rows[1]}; expected as many in every input.",
            )


def _fits(shape: tuple[int, ...], expected: tuple[int, ...]) -> bool:
    if expected == _ROWS:
        return len(shape) == 1
    return len(shape) == len(expected) and all(
        size in (-1, found) for found, size in zip(shape, expected, strict=True)
    )


def _shape_words(shape: Iterable[int]) -> str:
    return f"[{', '.join('any' if size < 0 else str(size) for size in shape)}]"


def _dtype_name(dtype: np.dtype[Any]) -> str:
    return "string" if dtype.kind in _TEXT_KINDS else str(dtype)


def _names_error(signature: Signature, inputs: Arrays) -> ServingError:
    expected, came = signature.inputs, inputs
    if len(expected) != len(came):
        return ServingError(
            Code.INVALID_ARGUMENT,
            f"input size does not match signature: {len(came)}!={len(expected)} "
            f"len({_braced(came)}) != len({_braced(expected)}). Sent extra: "
            f"{_braced(came.keys() - expected.keys())}. Missing but required: "
            f"{_braced(expected.keys() - came.keys())}.",
        )
    unknown = min(came.keys() - expected.keys())
    return ServingError(
        Code.INVALID_ARGUMENT,
        f"input tensor alias not found in signature: {unknown}. Inputs expected to be "
        f"in the set {_braced(expected)}.",
    )


def _braced(names: Iterable[str] | Mapping[str, Any]) -> str:
    return "{" + ",".join(sorted(names)) + "}"

"""Writes the answers to classify and regress.

    {"results": [[[label, score], …], …]}    classify
    {"results": [value, …]}                  regress

Source: tensorflow_serving/servables/tensorflow/{classifier,regressor}.cc;
tensorflow_serving/util/json_tensor.cc, MakeJsonFromClassificationResult and
MakeJsonFromRegressionResult.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from serving.server.core import Arrays
from serving.server.rest.decimals import float_texts
from serving.server.rest.json_layout import element_texts, one_line_lists
from serving.server.status import Code, ServingError

_CLASSES, _SCORES, _OUTPUTS = "classes", "scores", "outputs"
# tensorflow/cc/saved_model/signature_constants.h
_MATRIX = 2


def classify_answer(outputs: Arrays, num_examples: int) -> bytes:
    """Returns the body of a classify answer.

    Args:
        outputs: classes: object (bytes) [examples, classes]; scores: float32, the
            same shape. One may be missing: its place holds "" or 0.0.
        num_examples: Of the request.

    Raises:
        ServingError: INVALID_ARGUMENT: an output is not of that type or shape.
    """
    classes = _matrix(outputs, _CLASSES, "DT_STRING", num_examples)
    scores = _matrix(outputs, _SCORES, "DT_FLOAT", num_examples)
    if classes is not None and scores is not None and classes.shape != scores.shape:
        raise _invalid(
            "Tensors class and score should match in dim_size(1). "
            f"Got {classes.shape[1]} vs. {scores.shape[1]}"
        )
    found = classes if classes is not None else scores
    if found is None:
        raise _invalid(f"Expected {_CLASSES} or {_SCORES} among the outputs.")
    labels, values = ['""'] * found.size, ["0.0"] * found.size
    if classes is not None:
        labels = element_texts(classes, None, as_base64=False)
    if scores is not None:
        values = float_texts(scores)
    pairs = [f"[{label}, {value}]" for label, value in zip(labels, values, strict=True)]
    lists = one_line_lists(pairs, found.shape[1:], num_examples)
    return f'{{\n    "results": [{", ".join(lists)}\n    ]\n}}'.encode()


def _matrix(
    outputs: Arrays, name: str, type_name: str, num_examples: int
) -> npt.NDArray[Any] | None:
    if name not in outputs:
        return None
    values = np.asarray(outputs[name])
    if values.ndim != _MATRIX:
        raise _invalid(
            "Expected Tensor shape: [batch_size num_classes] but got "
            f"{_shape_text(values)}"
        )
    expected = object if name == _CLASSES else np.float32
    if values.dtype != expected:
        raise _invalid(
            f"Expected {name} Tensor of {type_name}. Got: {values.dtype.name}"
        )
    if len(values) != num_examples:
        raise _invalid(
            f"Expected {name} output batch size of {num_examples}. Got: {len(values)}"
        )
    return values


def regress_answer(outputs: Arrays, num_examples: int) -> bytes:
    """Returns the body of a regress answer.

    Args:
        outputs: outputs: float32 [examples] or [examples, 1].
        num_examples: Of the request.

    Raises:
        ServingError: INVALID_ARGUMENT: the output is not of that type or shape.
    """
    if _OUTPUTS not in outputs:
        raise _invalid(f"Could not find output tensor '{_OUTPUTS}'")
    values = np.asarray(outputs[_OUTPUTS])
    is_column = values.ndim == _MATRIX and values.shape[1] == 1
    if values.ndim != 1 and not is_column:
        raise _invalid(
            "Expected output Tensor shape to be either [batch_size] or "
            f"[batch_size, 1] but got {_shape_text(values)}"
        )
    if len(values) != num_examples:
        raise _invalid(
            "Input batch size did not match output batch size: "
            f"{num_examples} vs. {len(values)}"
        )
    if values.dtype != np.float32:
        raise _invalid(f"Expected output Tensor of DT_FLOAT.  Got: {values.dtype.name}")
    return f'{{\n    "results": [{", ".join(float_texts(values))}]\n}}'.encode()


def _shape_text(values: npt.NDArray[Any]) -> str:
    return f"[{','.join(map(str, values.shape))}]"


def _invalid(message: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, message)

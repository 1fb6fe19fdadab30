"""Classification and regression results from a signature's outputs.

Source: tensorflow_serving/servables/tensorflow/classifier.cc
(PreProcessClassification, PostProcessClassificationResult) and regressor.cc for rules
and words.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from serving.server.core import Arrays, Servable, Signature
from serving.server.status import Code, ServingError

CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"
INPUTS = "inputs"
_CLASSES, _SCORES, _OUTPUTS = "classes", "scores", "outputs"
_MATRIX_RANK = 2

Array = npt.NDArray[Any]


def find_signature(
    servable: Servable, name: str, method_name: str, *, checks_method: bool = False
) -> Signature:
    """Returns a signature for Classify or Regress.

    Args:
        servable: The version.
        name: The signature's name.
        method_name: CLASSIFY or REGRESS.
        checks_method: Whether the signature's own must be the same. TF Serving's
            default is no, for models of TensorFlow 2 have predict signatures only.

    Raises:
        ServingError: INVALID_ARGUMENT: there is none, or it is for something else.
    """
    if name not in servable.signatures:
        raise ServingError(
            Code.INVALID_ARGUMENT, f"No signature was found with the name: {name}"
        )
    signature = servable.signatures[name]
    check_signature(signature, method_name, checks_method=checks_method)
    return signature


def check_signature(
    signature: Signature, method_name: str, *, checks_method: bool = False
) -> None:
    """Refuses a signature that Classify or Regress cannot use.

    Raises:
        ServingError: INVALID_ARGUMENT or FAILED_PRECONDITION.
    """
    is_classify = method_name == CLASSIFY
    kind = "classification" if is_classify else "regression"
    if checks_method and signature.method_name != method_name:
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"Expected {kind} signature method_name to be {method_name}. Was: "
            f"{signature.method_name}",
        )
    if len(signature.inputs) != 1:
        raise ServingError(Code.INVALID_ARGUMENT, "Expected one input Tensor.")
    if is_classify and len(signature.outputs) not in (1, 2):
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"Expected one or two output Tensors, found {len(signature.outputs)}",
        )
    if not is_classify and len(signature.outputs) != 1:
        raise ServingError(Code.INVALID_ARGUMENT, "Expected one output Tensor.")
    _check_names(signature, kind)


def _check_names(signature: Signature, kind: str) -> None:
    if INPUTS not in signature.inputs:
        raise ServingError(
            Code.FAILED_PRECONDITION,
            f"No {kind} inputs found in SignatureDef: {signature.name}",
        )
    if kind == "regression" and _OUTPUTS not in signature.outputs:
        raise ServingError(
            Code.FAILED_PRECONDITION,
            f"No regression outputs found in SignatureDef: {signature.name}",
        )
    if kind == "classification" and not {_CLASSES, _SCORES} & set(signature.outputs):
        raise ServingError(
            Code.FAILED_PRECONDITION,
            "Expected classification signature outputs to contain at least one of "
            f'"{_CLASSES}" or "{_SCORES}". Signature was: {signature.name}',
        )


def fill_classifications(result: Any, answers: Arrays, num_examples: int) -> None:
    """Writes a ClassificationResult.

    Args:
        result: An empty message; is changed.
        answers: classes: text [examples, n]; scores: float32 [examples, n]; one may
            be missing.
        num_examples: Of the request.

    Raises:
        ServingError: INVALID_ARGUMENT: the model answers otherwise.
    """
    classes, scores = answers.get(_CLASSES), answers.get(_SCORES)
    if classes is not None:
        _check_matrix(_CLASSES, classes, num_examples)
    if scores is not None:
        _check_matrix(_SCORES, scores, num_examples)
    given = [values for values in (classes, scores) if values is not None]
    if len({values.shape[1] for values in given}) > 1:
        raise ServingError(
            Code.INVALID_ARGUMENT,
            "Tensors class and score should match in dim_size(1). Got "
            f"{given[0].shape[1]} vs. {given[1].shape[1]}",
        )
    for row in range(num_examples):
        classifications = result.classifications.add()
        for place in range(given[0].shape[1]):
            found = classifications.classes.add()
            if classes is not None:
                found.label = classes[row, place].decode("utf-8", "replace")
            if scores is not None:
                found.score = scores[row, place]


def _check_matrix(name: str, values: Array, num_examples: int) -> None:
    if values.ndim != _MATRIX_RANK:
        raise ServingError(
            Code.INVALID_ARGUMENT,
            "Expected Tensor shape: [batch_size num_classes] but got "
            f"{_shape_words(values)}",
        )
    kind, words = ("O", "DT_STRING") if name == _CLASSES else ("f", "DT_FLOAT")
    if values.dtype.kind != kind or (kind == "f" and values.dtype != np.float32):
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"Expected {name} Tensor of {words}. Got: {values.dtype}",
        )
    if values.shape[0] != num_examples:
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"Expected {name} output batch size of {num_examples}. Got: "
            f"{values.shape[0]}",
        )


def fill_regressions(result: Any, answers: Arrays, num_examples: int) -> None:
    """Writes a RegressionResult.

    Args:
        result: An empty message; is changed.
        answers: outputs: float32 [examples] or [examples, 1].
        num_examples: Of the request.

    Raises:
        ServingError: INVALID_ARGUMENT: the model answers otherwise.
    """
    values = answers[_OUTPUTS]
    if values.ndim != 1 and (values.ndim != _MATRIX_RANK or values.shape[1] != 1):
        raise ServingError(
            Code.INVALID_ARGUMENT,
            "Expected output Tensor shape to be either [batch_size] or "
            f"[batch_size, 1] but got {_shape_words(values)}",
        )
    if values.shape[0] != num_examples:
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"Input batch size did not match output batch size: {num_examples} vs. "
            f"{values.shape[0]}",
        )
    if values.dtype != np.float32:
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"Expected output Tensor of DT_FLOAT.  Got: {values.dtype}",
        )
    for value in values.ravel().tolist():
        result.regressions.add(value=value)


def _shape_words(values: Array) -> str:
    return f"[{','.join(str(size) for size in values.shape)}]"

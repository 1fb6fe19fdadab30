"""Reads the JSON of TF Serving's REST answers.

    {"predictions": [row, …]}  {"outputs": …}  {"results": […]}
    {"model_version_status": […]}  {"model_spec": …, "metadata": …}  {"error": "…"}

With one output a row is its value and `outputs` its array, with several an object of
them. Every function raises ValueError, KeyError, TypeError or AttributeError where the
JSON is another.
Source: https://www.tensorflow.org/tfx/serving/api_rest;
tensorflow_serving/util/json_tensor.cc.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any

from serving.client.model_info import (
    ModelMetadata,
    SignatureInfo,
    TensorInfo,
    VersionStatus,
)
from serving.client.strict_arrays import Array, strict_array

_BYTES_SUFFIX = "_bytes"
_SHOWN_CHARACTERS = 500


def error_message(body: bytes) -> str:
    """Returns what an error's body says; its beginning where it is not TF Serving's."""
    try:
        message = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError, RecursionError):
        message = None
    if isinstance(message, str):
        return message
    return body[:_SHOWN_CHARACTERS].decode(errors="replace").strip()


def read_outputs(body: bytes, infos: Mapping[str, TensorInfo]) -> dict[str, Array]:
    """Reads a prediction.

    Args:
        body: Of either format.
        infos: The signature's outputs.

    Returns:
        Name to array of the signature's dtype.
    """
    document = json.loads(body)
    columns = _columns(document, infos)
    arrays = {}
    for name in sorted(infos):
        values = columns[name]
        if name.endswith(_BYTES_SUFFIX):
            values = _from_base64(values)
        try:
            arrays[name] = strict_array(values, infos[name].dtype)
        except ValueError as error:
            raise ValueError(f"output {name!r} {error}") from error
    return arrays


def _columns(document: Any, infos: Mapping[str, TensorInfo]) -> Mapping[str, Any]:
    is_row_format = "predictions" in document
    found = document["predictions" if is_row_format else "outputs"]
    if len(infos) == 1:
        return dict.fromkeys(infos, found)
    if not is_row_format:
        columns: Mapping[str, Any] = found
        return columns
    return {name: [row[name] for row in found] for name in infos}


def _from_base64(value: Any) -> Any:
    if isinstance(value, list):
        return [_from_base64(one) for one in value]
    return base64.b64decode(value["b64"], validate=True)


def read_classes(body: bytes) -> tuple[tuple[tuple[str, float], ...], ...]:
    """Reads a classification: for each example its pairs of label and score."""
    return tuple(
        tuple((str(label), float(score)) for label, score in classes)
        for classes in json.loads(body)["results"]
    )


def read_values(body: bytes) -> Array:
    """Reads a regression: float32 [examples]."""
    return strict_array(json.loads(body)["results"], "DT_FLOAT")


def read_versions(body: bytes) -> tuple[VersionStatus, ...]:
    """Reads a status."""
    return tuple(
        VersionStatus(
            version=int(found["version"]),
            state=found["state"],
            error_code=found["status"]["error_code"],
            error_message=found["status"]["error_message"],
        )
        for found in json.loads(body)["model_version_status"]
    )


def read_metadata(body: bytes) -> ModelMetadata:
    """Reads metadata."""
    document = json.loads(body)
    found = document["metadata"]["signature_def"]["signature_def"]
    return ModelMetadata(
        version=int(document["model_spec"]["version"]),
        signatures={
            name: SignatureInfo(
                method_name=signature["method_name"],
                inputs=_tensors(signature["inputs"]),
                outputs=_tensors(signature["outputs"]),
            )
            for name, signature in found.items()
        },
    )


def _tensors(found: Any) -> dict[str, TensorInfo]:
    return {name: _tensor(one) for name, one in found.items()}


def _tensor(found: Any) -> TensorInfo:
    shape = found["tensor_shape"]
    if shape["unknown_rank"]:
        return TensorInfo(dtype=found["dtype"], shape=None)
    sizes = tuple(int(size["size"]) for size in shape["dim"])
    return TensorInfo(dtype=found["dtype"], shape=sizes)

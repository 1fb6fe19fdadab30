"""Turns what a cluster hands a container into what our components expect, and back.

    in    bucket URIs become the folders they are seen at; values for keys of JSON
          parameters are put in; output folders are made, empty
    out   folders become bucket URIs again; a blessing names models as the cluster does

Our components work on folders and make none for their outputs: TFX's launcher on this
machine does. A second attempt of a task may find what the first one left.

Source:
    kubeflow/pipelines, api/v2alpha1/pipeline_spec.proto, ExecutorInput, ExecutorOutput.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.compile.bucket_paths import bucket_uri, local_path
from pipeline.compile.runtime_parameters import INTO_JSON

# tfx/orchestration/kubeflow/v2/container/kubeflow_v2_entrypoint_utils.py, _INT64_MAX.
_ID_RANGE = 1 << 63
_MODEL_IDS = ("current_model_id", "baseline_model_id")


def to_folders(executor_input: Any, mount_root: str) -> None:
    """Replaces bucket URIs of artifacts and of text parameters, and fills JSON in.

    Args:
        executor_input: An ExecutorInput; changed.
        mount_root: Folder in front of /gcs, /minio and /s3; "" on a cluster.

    Raises:
        ValueError: A value is meant for a parameter that holds no JSON object.
    """
    for artifact in _artifacts(executor_input.inputs):
        artifact.uri = local_path(artifact.uri, mount_root)
    for artifact in _artifacts(executor_input.outputs):
        artifact.uri = local_path(artifact.uri, mount_root)
    values = executor_input.inputs.parameter_values
    for value in values.values():
        if value.WhichOneof("kind") == "string_value":
            value.string_value = local_path(value.string_value, mount_root)
    fill_json(values)


def fill_json(values: Any) -> None:
    """Moves `set--{parameter}--{key}` into the JSON object of that parameter.

    Raises:
        ValueError: There is no such parameter, or it holds no JSON object.
    """
    for name in sorted(name for name in values if name.startswith(INTO_JSON)):
        parameter, _, key = name.removeprefix(INTO_JSON).partition("--")
        text = values[parameter].string_value if parameter in values else ""
        document = json.loads(text) if text else None
        if not isinstance(document, dict):
            raise ValueError(
                f"{name}: {parameter} is {text!r}; expected a JSON object."
            )
        document[key] = _plain(values[name])
        values[parameter].string_value = json.dumps(document)
        del values[name]


def _plain(value: Any) -> Any:
    """Returns a Value's content; JSON's numbers do not say whether they are whole."""
    found = getattr(value, value.WhichOneof("kind"))
    return int(found) if isinstance(found, float) and found.is_integer() else found


def make_output_folders(executor_input: Any) -> None:
    """Makes an empty folder for every output."""
    for artifact in _artifacts(executor_input.outputs):
        folder = Path(artifact.uri)
        if folder.is_dir():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)


def to_bucket_uris(executor_output: Any, mount_root: str) -> None:
    """Gives output artifacts their bucket URIs again; text in metadata too."""
    for artifact in _artifacts(executor_output):
        artifact.uri = bucket_uri(artifact.uri, mount_root)
        for value in artifact.metadata.fields.values():
            if value.WhichOneof("kind") == "string_value":
                value.string_value = bucket_uri(value.string_value, mount_root)


def name_models(executor_output: Any, executor_input: Any) -> None:
    """Lets a blessing name its models by resource name instead of TFX's number.

    TFX makes a number of a name, of 63 bits, which a JSON number cannot hold; the
    resolver that looks for the last blessed model asks for the name.
    """
    names = {
        float(_tfx_id(artifact.name)): artifact.name
        for artifact in _artifacts(executor_input.inputs)
        if artifact.name
    }
    for artifact in _artifacts(executor_output):
        for key in _MODEL_IDS:
            value = artifact.metadata.fields.get(key)
            if value is not None and value.number_value in names:
                artifact.metadata.fields[key].string_value = names[value.number_value]


def _tfx_id(name: str) -> int:
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % _ID_RANGE


def _artifacts(part: Any) -> Iterator[Any]:
    for found in part.artifacts.values():
        yield from found.artifacts

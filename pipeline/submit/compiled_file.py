"""Reads a compiled pipeline: what a cluster is handed, and which parameters it takes.

Two forms are read. Kubeflow's: YAML of a PipelineSpec, with Kubernetes settings in a
second document where there are any. Vertex AI's: JSON of a PipelineJob, which holds the
PipelineSpec beside values of its parameters.

Source:
    kubeflow/pipelines, api/v2alpha1/pipeline_spec.proto: PipelineSpec, PlatformSpec,
    PipelineJob; ComponentInputsSpec.ParameterSpec for types and defaults.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pipeline.settings_loader import ConfigError

# Types of schema 2.0, as schema 2.1 calls them.
_TYPES_OF_2_0 = {"INT": "NUMBER_INTEGER", "DOUBLE": "NUMBER_DOUBLE", "STRING": "STRING"}


@dataclass(frozen=True, kw_only=True, slots=True)
class RuntimeParameter:
    """A value that may be given when the pipeline is submitted.

    Attributes:
        type: STRING, NUMBER_INTEGER, NUMBER_DOUBLE, BOOLEAN, LIST or STRUCT.
        is_required: It has neither a default nor a value in the file.
    """

    type: str
    is_required: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class CompiledPipeline:
    """A compiled pipeline as read from its file.

    Attributes:
        origin: What it was read from, for messages.
        name: Name of the pipeline.
        schema_version: "2.1.0", or "2.0.0" of older compilers.
        spec: The PipelineSpec as JSON.
        platform: The PlatformSpec as JSON; empty if the file has none.
        labels: Labels of a PipelineJob; empty for the other form.
        pipeline_root: Where artifacts go, as far as the file says. None: it does not.
        values: Values of parameters that a PipelineJob holds.
        parameters: Name to runtime parameter.
    """

    origin: str
    name: str
    schema_version: str
    spec: dict[str, Any]
    platform: dict[str, Any] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    pipeline_root: str | None = None
    values: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, RuntimeParameter] = field(default_factory=dict)


def read_compiled(path: Path) -> CompiledPipeline:
    """Reads what `slipway compile` wrote.

    Raises:
        ConfigError: There is no such file, or it is not a compiled pipeline.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"--compiled {path} cannot be read: {error.strerror}. Write it with "
            "'slipway compile', or leave --compiled out to compile first."
        ) from error
    return parse_compiled(content, str(path))


def parse_compiled(content: bytes, origin: str) -> CompiledPipeline:
    """Reads the content of a compiled file.

    Raises:
        ConfigError: It is not a compiled pipeline.
    """
    spec, platform, job = _documents(content, origin)
    try:
        name = spec["pipelineInfo"]["name"]
        root = spec["root"]
    except (KeyError, TypeError) as error:
        raise ConfigError(
            f"{origin} is not a compiled pipeline: it has no pipelineInfo.name or no "
            "root. Write one with 'slipway compile'."
        ) from error
    runtime = job.get("runtimeConfig", {})
    values = _values(runtime)
    return CompiledPipeline(
        origin=origin,
        name=name,
        schema_version=spec.get("schemaVersion", ""),
        spec=spec,
        platform=platform,
        labels=job.get("labels", {}),
        pipeline_root=runtime.get("gcsOutputDirectory")
        or spec.get("defaultPipelineRoot"),
        values=values,
        parameters=_parameters(root, values),
    )


def _documents(
    content: bytes, origin: str
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Returns spec, platform spec and the PipelineJob around the spec, {} for none."""
    try:
        documents = _parse(content.decode())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{origin} is neither YAML nor JSON: {error}") from error
    if not documents or not all(isinstance(document, dict) for document in documents):
        raise ConfigError(f"{origin} is not a compiled pipeline: it holds no mapping.")
    first, *rest = documents
    platform = {key: value for part in rest for key, value in part.items()}
    if "pipelineSpec" in first:
        return first["pipelineSpec"], platform, first
    return first, platform, {}


def _parse(text: str) -> list[Any]:
    """JSON is read as JSON: YAML takes its 1e-05 for text."""
    try:
        return [json.loads(text)]
    except json.JSONDecodeError:
        return list(yaml.safe_load_all(text))


def _values(runtime: dict[str, Any]) -> dict[str, Any]:
    """Returns the values of a RuntimeConfig: plain ones, or schema 2.0's typed ones."""
    if "parameterValues" in runtime:
        return dict(runtime["parameterValues"])
    values = {}
    for name, typed in runtime.get("parameters", {}).items():
        ((kind, value),) = typed.items()
        # JSON of protobuf writes 64-bit whole numbers as text.
        values[name] = int(value) if kind == "intValue" else value
    return values


def _parameters(
    root: dict[str, Any], values: dict[str, Any]
) -> dict[str, RuntimeParameter]:
    defined = root.get("inputDefinitions", {}).get("parameters", {})
    return {
        name: RuntimeParameter(
            type=definition.get("parameterType")
            or _TYPES_OF_2_0.get(definition.get("type", ""), "STRING"),
            is_required=not (
                name in values
                or "defaultValue" in definition
                or definition.get("isOptional", False)
            ),
        )
        for name, definition in defined.items()
    }

"""The file a cluster is handed: YAML of a PipelineSpec, or JSON of a PipelineJob.

The same pipeline gives the same bytes: keys are sorted, and nothing in it is drawn or
dated.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from pipeline.compile.runtime_parameters import Parameter
from pipeline.compile.spec_parts import Json


@dataclass(frozen=True, kw_only=True, slots=True)
class CompiledPipeline:
    """A compiled pipeline that passed every check.

    Attributes:
        name: The pipeline's name on the cluster.
        target: "kubeflow" or "vertex".
        content: The file's bytes.
        suffix: ".yaml" or ".json".
        parameters: What each run may be given, by name.
        pipeline_root: Where the cluster keeps artifacts.
    """

    name: str
    target: str
    content: bytes
    suffix: str
    parameters: Mapping[str, Parameter]
    pipeline_root: str


def yaml_text(spec: Json, platform: Json) -> str:
    """Returns the PipelineSpec, and the PlatformSpec as second document if any."""
    documents = [spec, platform] if platform else [spec]
    return yaml.safe_dump_all(documents, sort_keys=True, width=1_000_000)


def json_text(job: Json, spec: Json) -> str:
    """Returns the PipelineJob around a PipelineSpec."""
    return json.dumps({**job, "pipelineSpec": spec}, sort_keys=True, indent=1) + "\n"


def write_compiled(compiled: CompiledPipeline, path: Path) -> None:
    """Writes beside the place and renames: the file is whole or not there.

    Raises:
        OSError: The folder cannot be made or written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_bytes(compiled.content)
    beside.rename(path)

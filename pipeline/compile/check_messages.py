"""Checks that a compiled pipeline is what the clusters' own software reads."""

from typing import Any

from google.protobuf import json_format
from kfp import components
from kfp.pipeline_spec import pipeline_spec_pb2

from pipeline.compile.errors import CompiledPipelineError
from pipeline.compile.spec_parts import Json


def check_messages(spec: Json, platform: Json, text: str) -> None:
    """Parses every message, and has kfp's SDK load the file.

    Args:
        spec: The PipelineSpec as JSON.
        platform: The PlatformSpec as JSON; empty: none.
        text: YAML of both, as the SDK would be given it.

    Raises:
        CompiledPipelineError: Names the message that does not parse.
    """
    _parse(spec, pipeline_spec_pb2.PipelineSpec(), "PipelineSpec")
    _parse(
        spec["deploymentSpec"],
        pipeline_spec_pb2.PipelineDeploymentConfig(),
        "PipelineDeploymentConfig",
    )
    _parse(platform, pipeline_spec_pb2.PlatformSpec(), "PlatformSpec")
    try:
        components.load_component_from_text(text)
    except Exception as error:
        raise CompiledPipelineError([f"kfp's SDK cannot load it: {error}"]) from error


def _parse(document: Json, message: Any, name: str) -> None:
    try:
        json_format.ParseDict(document, message)
    except json_format.ParseError as error:
        raise CompiledPipelineError([f"it is no {name}: {error}"]) from error

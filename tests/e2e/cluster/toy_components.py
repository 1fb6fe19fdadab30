"""Components of a toy DAG: one that sets a property, one that fails once."""

from pathlib import Path

from tfx.dsl.component.experimental.annotations import (
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component
from tfx.types.experimental.simple_artifacts import File
from tfx.types.standard_artifacts import Schema


@component
def Judge(  # noqa: N802 - like TFX's own
    schema: InputArtifact[Schema],
    report: OutputArtifact[File],
) -> None:
    text = (Path(schema.uri) / "schema.pbtxt").read_text()
    report.set_int_custom_property("blessed", int("feature" in text))


@component
def FailOnce(  # noqa: N802 - like TFX's own
    result: OutputArtifact[File], marker: Parameter[str]
) -> None:
    if not Path(marker).exists():
        Path(marker).touch()
        raise RuntimeError("the first attempt fails")
    (Path(result.uri) / "done").touch()

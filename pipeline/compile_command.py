"""`slipway compile`: the DAG as a file for Kubeflow Pipelines or Vertex AI."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.pipeline_argument import PipelineArgument, find_config
from pipeline.run_command import parse_settings


def compile_(
    pipeline: PipelineArgument = "flights",
    target: Annotated[
        str, typer.Option(help="kubeflow or vertex.", show_default=False)
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(metavar="F", help="The file; PIPELINE.yaml or .json by default."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Overrides a setting."),
    ] = None,
    data_digest: Annotated[
        str,
        typer.Option(
            metavar="SHA256",
            help="Content digest that the spans must have; the cluster's cache may "
            "then answer for nodes that read them.",
        ),
    ] = "",
    allow_tag: Annotated[
        bool,
        typer.Option("--allow-tag", help="Take an image without a digest."),
    ] = False,
) -> None:
    """Compiles the pipeline for a cluster; nothing is written unless it would run.

    Example: slipway compile flights --target kubeflow --out flights.yaml
    """
    from pipeline.compile.compile_pipeline import CompileOptions, compile_pipeline
    from pipeline.compile.compiled_file import write_compiled

    compiled = compile_pipeline(
        find_config(pipeline),
        target,
        parse_settings(settings or []),
        CompileOptions(allow_tag=allow_tag, data_digest=data_digest),
    )
    path = out or Path(f"{compiled.name}{compiled.suffix}")
    write_compiled(compiled, path)
    typer.echo(f"{path}: {compiled.name} for {compiled.target}; a run may be given")
    for name, parameter in compiled.parameters.items():
        default = "must be given" if parameter.default is None else parameter.default
        typer.echo(f"  {name} ({parameter.kind}): {parameter.help}; {default!r:.60}")

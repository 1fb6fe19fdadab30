"""`slipway flink-manifest`: a Flink cluster for Kubernetes, from the configuration."""

import sys
from typing import Annotated

import typer

from pipeline.pipeline_argument import PipelineArgument, find_config


def flink_manifest(
    pipeline: PipelineArgument,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Overrides one setting of the YAML file; may be given several times.",
        ),
    ] = None,
) -> None:
    """Prints a FlinkDeployment with a Beam worker pool beside each task manager.

    Example: slipway flink-manifest flights | kubectl apply -f -
    """
    from pipeline.beam_engine.flink_manifest import flink_manifest as generate
    from pipeline.config import load_config
    from pipeline.run_command import parse_settings

    config = load_config(find_config(pipeline), parse_settings(settings or []))
    sys.stdout.write(generate(config.beam, config.cluster))

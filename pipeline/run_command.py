"""`slipway run`: the DAG once, whole or in part."""

import signal
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from pipeline.pipeline_argument import PipelineArgument, find_config
from pipeline.settings_loader import ConfigError


def run(  # noqa: PLR0913, PLR0917 - a command's options are its interface
    pipeline: PipelineArgument,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Overrides one setting of the YAML file; may be given several times.",
        ),
    ] = None,
    server_binary: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="The tensorflow_model_server that the model is tried in, instead of "
            "deployment.server_binary.",
        ),
    ] = None,
    first: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="NODE",
            help="Runs this node and what follows from it; what they need is taken "
            "from the newest run that has it.",
        ),
    ] = None,
    last: Annotated[
        str | None,
        typer.Option("--to", metavar="NODE", help="Runs up to this node."),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="NODE", help="As --from NODE --to NODE."),
    ] = None,
    use_cache: Annotated[
        bool,
        typer.Option("--cache/--no-cache", help="Whether unchanged nodes are skipped."),
    ] = True,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Check the engine, print Beam's options, run nothing."
        ),
    ] = False,
) -> None:
    """Runs the DAG once: ends with a pushed model, or says why not.

    Nodes whose inputs, parameters, sources and libraries have not changed are not run
    again; slipway why NODE says what made a node run.

    Examples: slipway run flights --set data.spans.last=6, or
    slipway run flights --only evaluator --no-cache
    """
    from pipeline.outcome import read_outcome
    from pipeline.run_pipeline import run_pipeline
    from pipeline.selection import Selection
    from pipeline.terminal import Progress, make_console, print_outcome

    console = make_console()
    if only is not None and (first, last) != (None, None):
        raise ConfigError("--only is --from and --to in one: give it without them.")
    selection = Selection(first=first or only, last=last or only)
    overrides = parse_settings(settings or [])
    if server_binary is not None:
        overrides["deployment.server_binary"] = str(server_binary.absolute())
    if dry_run:
        _print_beam_options(find_config(pipeline), overrides)
        return
    # SIGTERM ends a run as Ctrl-C does: cleanly.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with Progress(console) as progress:
        record = run_pipeline(
            find_config(pipeline),
            overrides,
            progress,
            selection=selection,
            use_cache=use_cache,
        )
    print_outcome(console, record, read_outcome(record))
    raise typer.Exit(record.exit_code or 0)


def _print_beam_options(config_path: Path, overrides: dict[str, Any]) -> None:
    from pipeline.beam_engine.options import dag_args
    from pipeline.beam_engine.problems import find_problems
    from pipeline.config import load_config

    config = load_config(config_path, overrides)
    problems = list(find_problems(config.beam, {}))
    if problems:
        raise ConfigError("\n".join(problems))
    typer.echo("\n".join(dag_args(config.beam, config.work_dir)))


def parse_settings(settings: list[str]) -> dict[str, Any]:
    """Reads NAME=VALUE pairs; values are YAML, so 6 is a number and [a] a list.

    Raises:
        ConfigError: A pair has no "=" or its value is not YAML.
    """
    parsed = {}
    for setting in settings:
        name, separator, value = setting.partition("=")
        if not separator or not name:
            raise ConfigError(f"--set {setting!r}: expected NAME=VALUE.")
        try:
            parsed[name] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ConfigError(f"--set {setting!r}: {value!r} is not YAML.") from error
    return parsed

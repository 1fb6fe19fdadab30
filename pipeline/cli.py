"""The command line `slipway`; imports nothing heavy before it is needed."""

import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from pipeline.bundle_commands import verify
from pipeline.chaos_command import chaos
from pipeline.deploy_command import deploy
from pipeline.lineage_command import lineage
from pipeline.score_command import score
from pipeline.serve_command import serve
from pipeline.settings_loader import ConfigError
from pipeline.version_commands import promote, rollback, versions

_EPILOG = (
    "Exit codes: 0 done, 1 failure, 2 configuration, 3 data, 4 not blessed, "
    "5 bundle refused."
)

app = typer.Typer(
    name="slipway",
    help="Trains, checks, pushes and serves TensorFlow models with one TFX DAG.",
    epilog=_EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

PipelineArgument = Annotated[
    str,
    typer.Argument(
        metavar="PIPELINE",
        help="A pipeline's name, such as flights, or the path of its YAML file.",
    ),
]


@app.command()
def run(
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
) -> None:
    """Runs the DAG once: ends with a pushed model, or says why not.

    Example: slipway run flights --set data.spans.last=6
    """
    from pipeline.outcome import read_outcome
    from pipeline.run_pipeline import run_pipeline
    from pipeline.terminal import Progress, make_console, print_outcome

    console = make_console()
    overrides = parse_settings(settings or [])
    if server_binary is not None:
        overrides["deployment.server_binary"] = str(server_binary.absolute())
    # SIGTERM ends a run as Ctrl-C does: cleanly.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with Progress(console) as progress:
        record = run_pipeline(find_config(pipeline), overrides, progress)
    print_outcome(console, record, read_outcome(record))
    raise typer.Exit(record.exit_code or 0)


@app.command()
def runs(pipeline: PipelineArgument = "flights") -> None:
    """Lists the runs of a pipeline, newest last.

    Example: slipway runs flights
    """
    from pipeline.terminal import make_console, print_runs

    print_runs(make_console(), _work_dir(pipeline).list_runs())


@app.command()
def show(
    run_id: Annotated[
        str, typer.Argument(metavar="RUN", help="A run's id, or 'last'.")
    ] = "last",
    pipeline: Annotated[
        str, typer.Option(help="The pipeline the run belongs to.")
    ] = "flights",
    slices: Annotated[
        bool, typer.Option("--slices", help="The metrics of every slice.")
    ] = False,
    log: Annotated[
        str | None, typer.Option(metavar="NODE", help="The log of one node.")
    ] = None,
) -> None:
    """Shows one run again: nodes, rows, metrics, verdict.

    Example: slipway show last --slices
    """
    from pipeline.outcome import read_outcome
    from pipeline.terminal import make_console, print_outcome, print_slices

    work_dir = _work_dir(pipeline)
    record = _find_run(work_dir, run_id)
    if log is not None:
        path = work_dir.log_path(record.run_id, log)
        if not path.exists():
            known = sorted(entry.stem for entry in path.parent.glob("*.log"))
            raise ConfigError(
                f"run {record.run_id} has no log of {log!r}; it has {', '.join(known)}."
            )
        sys.stdout.write(path.read_text(encoding="utf-8", errors="replace"))
        return
    console, outcome = make_console(), read_outcome(record)
    if slices:
        print_slices(console, outcome)
    else:
        print_outcome(console, record, outcome)


@app.command()
def doctor() -> None:
    """Examines this machine: versions, memory, disk, engines; exit 1 if it will not do.

    Example: slipway doctor
    """
    from pipeline import doctor as examination
    from pipeline.doctor_view import render
    from pipeline.terminal import make_console

    report = examination.examine()
    make_console().print(render(report))
    raise typer.Exit(0 if report.can_run_main_job else 1)


for command in (
    verify,
    chaos,
    score,
    serve,
    deploy,
    versions,
    promote,
    rollback,
    lineage,
):
    app.command()(command)


def find_config(pipeline: str) -> Path:
    """Returns the YAML file of a pipeline given by name or by path.

    Raises:
        ConfigError: There is none; names those that exist.
    """
    if pipeline.endswith((".yaml", ".yml")) or "/" in pipeline:
        return Path(pipeline)
    models = Path(__file__).resolve().parents[1] / "models"
    path = models / pipeline / f"{pipeline}.yaml"
    if not path.exists():
        known = sorted(entry.stem for entry in models.glob("*/*.yaml"))
        raise ConfigError(
            f"there is no pipeline {pipeline!r}; there are {', '.join(known)}. "
            "A path of a YAML file works too."
        )
    return path


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


def _work_dir(pipeline: str) -> Any:
    from pipeline.config import load_config
    from pipeline.run_record import WorkDir

    return WorkDir(Path(load_config(find_config(pipeline)).work_dir))


def _find_run(work_dir: Any, run_id: str) -> Any:
    records = work_dir.list_runs()
    if not records:
        raise ConfigError(f"{work_dir.path} holds no run yet.")
    if run_id == "last":
        return records[-1]
    for record in records:
        if record.run_id == run_id:
            return record
    newest = ", ".join(record.run_id for record in records[-5:])
    raise ConfigError(f"there is no run {run_id!r}; the newest are {newest}.")


def extra_of(module: str | None) -> str:
    """Returns the smallest extra of setup.py that brings a module."""
    package = (module or "").partition(".")[0]
    by_package = {"tensorflow": "server", "tensorflow_serving": "server"}
    by_package |= {"apache_beam": "batch", "pyarrow": "batch"}
    return by_package.get(package, "pipeline")


def main() -> None:
    """Runs the command line; errors we raise ourselves become one line, not a trace."""
    try:
        app(standalone_mode=True)
    except ModuleNotFoundError as error:
        sys.stderr.write(
            f"slipway: this needs {error.name}, which is not installed. Install the "
            f"part that has it: pip install 'slipway[{extra_of(error.name)}]'.\n"
        )
        sys.exit(1)
    except Exception as error:
        exit_code = getattr(error, "exit_code", None)
        if not isinstance(exit_code, int):
            raise
        sys.stderr.write(f"slipway: {error}\n")
        sys.exit(exit_code)


if __name__ == "__main__":
    main()

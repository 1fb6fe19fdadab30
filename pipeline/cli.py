"""The command line `slipway`; imports nothing heavy before it is needed."""

import sys
from typing import Annotated

import typer

from pipeline.bundle_commands import verify
from pipeline.chaos_command import chaos
from pipeline.compile_command import compile_
from pipeline.deploy_command import deploy
from pipeline.flink_manifest_command import flink_manifest
from pipeline.gc_command import gc
from pipeline.labels_command import labels
from pipeline.lineage_command import lineage
from pipeline.metadata_command import metadata
from pipeline.monitor_command import monitor
from pipeline.pipeline_argument import (
    PipelineArgument,
    find_run,
    work_dir_of,
)
from pipeline.proxy_command import proxy
from pipeline.retrain_command import retrain
from pipeline.rollout_command import rollout
from pipeline.router_command import router
from pipeline.run_command import run
from pipeline.score_command import score
from pipeline.serve_command import serve
from pipeline.settings_loader import ConfigError
from pipeline.skew_command import skew
from pipeline.submit_command import submit
from pipeline.version_commands import promote, rollback, versions
from pipeline.watch_command import watch
from pipeline.why_command import why

_EPILOG = (
    "Exit codes: 0 done, 1 failure, 2 configuration, 3 data, 4 not blessed, "
    "5 bundle refused."
)

_WATCHES = ("jinja2", "matplotlib", "pandas", "prometheus_client", "scipy")

app = typer.Typer(
    name="slipway",
    help="Trains, checks, pushes and serves TensorFlow models with one TFX DAG.",
    epilog=_EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.command()
def runs(pipeline: PipelineArgument = "flights") -> None:
    """Lists the runs of a pipeline, newest last.

    Example: slipway runs flights
    """
    from pipeline.terminal import make_console, print_runs

    print_runs(make_console(), work_dir_of(pipeline).list_runs())


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

    work_dir = work_dir_of(pipeline)
    record = find_run(work_dir, run_id)
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
    run,
    why,
    gc,
    verify,
    chaos,
    score,
    serve,
    deploy,
    flink_manifest,
    submit,
    versions,
    promote,
    rollback,
    lineage,
    monitor,
    skew,
    retrain,
    watch,
    router,
    proxy,
):
    app.command()(command)
for group in (metadata, labels, rollout):
    app.add_typer(group)
app.command("compile")(compile_)


def extra_of(module: str | None) -> str:
    """Returns the smallest extra of setup.py that brings a module."""
    package = (module or "").partition(".")[0]
    by_package = {"tensorflow": "server", "tensorflow_serving": "server"}
    by_package |= {"apache_beam": "batch", "pyarrow": "batch"}
    by_package |= {"kfp": "kubeflow", "kfp_server_api": "kubeflow"}
    by_package |= dict.fromkeys(_WATCHES, "monitor")
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

"""`slipway rollout`: tries a candidate on real requests and decides over it."""

import dataclasses
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.author_name import author_name

if TYPE_CHECKING:
    from serving.rollout.control import Look

_ROLLED_BACK_EXIT_CODE = 4

rollout = typer.Typer(
    name="rollout",
    help="Tries a candidate on real requests; promotes it or rolls it back.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

PipelineArgument = Annotated[
    str,
    typer.Argument(
        metavar="PIPELINE", help="A pipeline's name or YAML file: whose model it is."
    ),
]
StateOption = Annotated[
    Path | None,
    typer.Option(
        "--state",
        metavar="DIR",
        help="The rollout's folder, the router's too; {work_dir}/rollout if left out.",
    ),
]


@rollout.command()
def start(  # noqa: PLR0913, PLR0917 - a command's options are its interface
    stable: Annotated[
        str, typer.Option(metavar="URL", help="REST address of the stable arm.")
    ],
    candidate: Annotated[
        str, typer.Option(metavar="URL", help="REST address of the candidate.")
    ],
    pipeline: PipelineArgument = "flights",
    kind: Annotated[
        str, typer.Option(metavar="KIND", help="shadow, canary, ab or blue_green.")
    ] = "canary",
    stable_grpc: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="gRPC of the stable arm.")
    ] = None,
    candidate_grpc: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="gRPC of the candidate.")
    ] = None,
    version: Annotated[
        int | None,
        typer.Option(
            metavar="VERSION",
            help="The candidate's version in the pipeline's model folder, held back: "
            "it is promoted there. Left out: the arms are servers of their own.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="In requests; the pipeline's if left out."),
    ] = None,
    model_base_path: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Base folder, instead of the pipeline's."),
    ] = None,
    steps: Annotated[
        str | None,
        typer.Option(
            metavar="STEPS",
            help="SHARE:REQUESTS:TIME,… such as 1%:500:10m,5%:1000,50%: the least "
            "requests of the candidate and the least time of each step.",
        ),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="log_loss, error or metric.NAME of the labels; none: guard rails and "
            "the ramp decide.",
        ),
    ] = None,
    goal: Annotated[
        str | None,
        typer.Option(
            metavar="GOAL",
            help="superiority or non_inferiority; the latter for a canary if left out.",
        ),
    ] = None,
    effect: Annotated[
        str,
        typer.Option(
            metavar="EFFECT",
            help="Least improvement worth finding, or greatest loss borne: 0.01 of the "
            "metric's unit, or 2% of its mean.",
        ),
    ] = "2%",
    label_delay: Annotated[
        str, typer.Option(metavar="TIME", help="When a label has come, such as 1d.")
    ] = "1d",
    level: Annotated[float, typer.Option(help="Of the metric's test.")] = 0.05,
    power: Annotated[float, typer.Option(help="Of the metric's test.")] = 0.8,
    smaller_is_better: Annotated[
        bool, typer.Option("--smaller-is-better", help="Of metric.NAME.")
    ] = False,
    clip: Annotated[
        str | None,
        typer.Option(metavar="LOW:HIGH", help="Clip values to these, such as 0:500."),
    ] = None,
    output: Annotated[
        str, typer.Option(metavar="NAME", help="The output with the probability.")
    ] = "probability",
    positive_label: Annotated[
        str | None, typer.Option(metavar="TEXT", help="The label that counts as 1.")
    ] = None,
    std: Annotated[
        float | None,
        typer.Option(help="The metric's spread over units, instead of the log's."),
    ] = None,
    units_per_day: Annotated[
        float | None, typer.Option(help="Traffic, instead of the log's.")
    ] = None,
    max_error_rate: Annotated[
        float, typer.Option(help="Failed, refused or empty answers borne, each.")
    ] = 0.002,
    max_ratio: Annotated[
        float, typer.Option(help="The same as a multiple of the stable arm's.")
    ] = 1.5,
    max_p99_ms: Annotated[
        float | None,
        typer.Option(metavar="MS", help="At most 1 % of the requests may be slower."),
    ] = None,
    max_different: Annotated[
        float, typer.Option(help="Of a shadow: answers that may differ.")
    ] = 0.01,
    min_compared: Annotated[
        int, typer.Option(metavar="N", help="Of a shadow: least answers compared.")
    ] = 1000,
    mirrored_share: Annotated[
        float, typer.Option(help="Of a shadow: requests that are copied.")
    ] = 1.0,
    max_duration: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="An undecided rollout ends then."),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Prediction log; {work_dir}/predictions."),
    ] = None,
    state: StateOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan and stop.")
    ] = False,
) -> None:
    """Prints sample size and duration, then starts; routers follow within a second.

    Example: slipway rollout start flights --stable http://a:8501 --candidate
    http://b:8501 --version 7 --metric log_loss --label-delay 1d
    """
    from pipeline.rollout_options import MetricOptions, StartOptions, plan_rollout
    from pipeline.rollout_view import print_plan, print_sample_size
    from pipeline.terminal import make_console
    from serving.rollout import control
    from serving.rollout.new_rollout import Address, RailLimits

    asked = None
    if metric is not None:
        asked = MetricOptions(
            name=metric,
            goal=goal,
            effect=effect,
            label_delay=label_delay,
            level=level,
            power=power,
            smaller_is_better=smaller_is_better,
            clip=clip,
            output=output,
            positive_label=positive_label,
            std=std,
            units_per_day=units_per_day,
        )
    options = StartOptions(
        model=model or _model_name(pipeline),
        kind=kind,
        arms=(
            Address(url=stable, grpc=stable_grpc),
            Address(url=candidate, grpc=candidate_grpc, version=version),
        ),
        limits=RailLimits(
            max_rate=max_error_rate,
            max_ratio=max_ratio,
            slow_s=max_p99_ms / 1000 if max_p99_ms is not None else None,
            max_different=max_different,
        ),
        metric=asked,
        steps=steps,
        log=log or _work_dir(pipeline) / "predictions",
        model_dir=_model_dir(pipeline, model_base_path, model, version),
        min_compared=min_compared,
        mirrored_share=mirrored_share,
        max_duration=max_duration,
    )
    begun = plan_rollout(options, datetime.now(UTC))
    console = make_console()
    print_plan(console, begun.state)
    if begun.size is not None and begun.baseline is not None:
        print_sample_size(console, begun.state.plan, begun.size, begun.baseline)
    if dry_run:
        return
    folder = _state_dir(pipeline, state)
    control.start(folder, begun.state)
    typer.echo(
        f"started {begun.state.id} in {folder}. Follow it: slipway rollout watch "
        f"{pipeline}"
    )


@rollout.command()
def status(
    pipeline: PipelineArgument = "flights",
    state: StateOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The answer as JSON, for scripts.")
    ] = False,
) -> None:
    """Shows arms, effect, guard rails and what is missing until a decision.

    Reads only: counts are the routers' of now, labels those of the last look.

    Example: slipway rollout status flights
    """
    from pipeline.rollout_view import print_status
    from pipeline.terminal import make_console
    from serving.rollout.control import peek
    from serving.rollout.findings import as_numbers

    found = peek(_state_dir(pipeline, state))
    if as_json:
        document = {
            "format_version": 1,
            "state": dataclasses.asdict(found.state),
            "numbers": as_numbers(found.state, found.evidence),
        }
        sys.stdout.write(json.dumps(document, indent=1) + "\n")
    else:
        now = datetime.now(UTC)
        print_status(make_console(), found.state, found.evidence, now)


@rollout.command()
def stop(
    reason: Annotated[
        str, typer.Option("--reason", "-m", metavar="TEXT", help="Why, for the events.")
    ],
    pipeline: PipelineArgument = "flights",
    state: StateOption = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="WHO", help="Who asks, for the events; you if left out."),
    ] = None,
) -> None:
    """Gives all requests back to the stable arm; routers follow within a second.

    Example: slipway rollout stop flights --reason "complaints from support"
    """
    from serving.rollout import control

    folder, who = _state_dir(pipeline, state), by or author_name()
    stopped = control.stop(folder, datetime.now(UTC), reason=reason, who=who)
    typer.echo(f"stopped {stopped.id}: the stable arm gets all requests.")


@rollout.command()
def watch(
    pipeline: PipelineArgument = "flights",
    state: StateOption = None,
    every: Annotated[
        str, typer.Option(metavar="TIME", help="Between two looks, such as 30s.")
    ] = "10s",
    once: Annotated[bool, typer.Option("--once", help="One look.")] = False,
) -> None:
    """Looks, decides and carries out, until the rollout has ended.

    May be killed and started again at any moment. Exit code 4 after a rollback.

    Example: slipway rollout watch flights --every 30s
    """
    from serving.rollout.control import require_started
    from serving.rollout.durations import seconds_of

    folder, wait_s = _state_dir(pipeline, state), seconds_of(every)
    require_started(folder)
    found = _look(folder) if once else None
    while not once and (found is None or not found.state.is_over):
        if found is not None:
            time.sleep(wait_s)
        found = _look_again(folder, wait_s)
    decision = found.state.decision if found else None
    if decision is not None and decision.verdict == "rollback":
        raise typer.Exit(_ROLLED_BACK_EXIT_CODE)


def _look_again(folder: Path, wait_s: float) -> "Look":
    """Looks until it can: what cannot be read or changed now may be a moment later."""
    from serving.rollout.errors import RolloutError
    from serving.router.errors import RouterError
    from serving.versions.errors import VersionsError

    while True:
        try:
            return _look(folder)
        except (RolloutError, RouterError, VersionsError) as error:
            typer.echo(f"slipway: {error} Looking again.", err=True)
            time.sleep(wait_s)


def _look(folder: Path) -> "Look":
    """Looks once and tells what has changed."""
    from serving.rollout import control

    found = control.look(folder, datetime.now(UTC))
    for event in found.events:
        typer.echo(f"{event.at[:19]} {event.name}: {event.reason}")
    if found.problem:
        typer.echo(f"slipway: {found.problem}", err=True)
    return found


def _state_dir(pipeline: str, state: Path | None) -> Path:
    return state or _work_dir(pipeline) / "rollout"


def _work_dir(pipeline: str) -> Path:
    from pipeline.pipeline_argument import work_dir_of

    return work_dir_of(pipeline).path.absolute()


def _model_name(pipeline: str) -> str:
    from pipeline.model_folder import find_model_dir

    return find_model_dir(pipeline, None, None).name


def _model_dir(
    pipeline: str, base_path: str | None, model: str | None, version: int | None
) -> Path | None:
    """Returns the folder the version lies in; None: none was named.

    Raises:
        VersionsError: There is no such version.
    """
    from pipeline.model_folder import find_model_dir
    from serving.versions.model_folder import version_path

    if version is None:
        return None
    folder = find_model_dir(pipeline, base_path, model)
    version_path(folder, version)
    return folder

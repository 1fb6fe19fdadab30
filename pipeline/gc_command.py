"""`slipway gc`: removes what old runs left in a pipeline's work folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.pipeline_argument import PipelineArgument, find_config

if TYPE_CHECKING:
    from pipeline.garbage import Garbage

_MIB = 1024**2


def gc(
    pipeline: PipelineArgument = "flights",
    keep_last: Annotated[
        int,
        typer.Option(
            "--keep-last", metavar="N", min=1, help="Keeps the N newest runs."
        ),
    ] = 5,
    keep_deployed: Annotated[
        bool,
        typer.Option(
            "--keep-deployed/--no-keep-deployed",
            help="Keeps the runs behind the model's versions.",
        ),
    ] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Says what would go; removes nothing.")
    ] = False,
) -> None:
    """Removes artifacts, records and logs of old runs; never a pushed model.

    The newest blessed model stays in any case: the next one is compared with it.

    Example: slipway gc flights --keep-last 3 --dry-run
    """
    from pipeline.config import load_config
    from pipeline.garbage import find_garbage, remove
    from pipeline.run_lock import alone
    from pipeline.work_dir import work_dir_for

    config = load_config(find_config(pipeline))
    work_dir = work_dir_for(config)
    model_dir = Path(config.deployment.model_base_path) / config.name
    with alone(work_dir):
        garbage = find_garbage(
            work_dir, model_dir, keep_last=keep_last, keep_deployed=keep_deployed
        )
        _tell(garbage, "would remove" if dry_run else "removing")
        if not dry_run:
            remove(work_dir, garbage)


def _tell(garbage: "Garbage", verb: str) -> None:
    for run_id, reason in garbage.kept_runs.items():
        typer.echo(f"keeping {run_id}: {reason}")
    for record in garbage.runs:
        typer.echo(f"{verb} run {record.run_id} ({record.state})")
    typer.echo(
        f"{verb} {len(garbage.folders)} artifacts, {len(garbage.entries)} cached "
        f"results and {len(garbage.dags)} compiled DAGs: "
        f"{garbage.num_bytes / _MIB:,.1f} MiB"
    )

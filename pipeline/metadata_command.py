"""`slipway metadata`: where ML Metadata is, its upgrade, its way to a server."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.pipeline_argument import PipelineArgument, find_config

if TYPE_CHECKING:
    from pipeline.run_record import WorkDir

_COPIED = ".copied"

metadata = typer.Typer(
    name="metadata",
    help="Shows, upgrades or moves ML Metadata of a pipeline.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

SettingsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Overrides one setting of the YAML file; may be given several times.",
    ),
]


@metadata.command()
def status(
    pipeline: PipelineArgument = "flights", settings: SettingsOption = None
) -> None:
    """Says where it is, whether it can be used, and what it holds.

    Exit code 1 where there is none or its server does not answer, 2 where it refuses.

    Example: slipway metadata status flights
    """
    from pipeline.metadata.counts import count_nodes
    from pipeline.metadata.upgrading import version_of

    place = _work_dir(pipeline, settings).metadata
    version = version_of(place)
    typer.echo(f"place       {place}")
    if version is None:
        typer.echo("tables      none yet: the first run makes them")
        return
    typer.echo(f"tables      version {version}")
    for name, number in count_nodes(place).items():
        typer.echo(f"{name:<12}{number:,}")


@metadata.command()
def upgrade(
    pipeline: PipelineArgument = "flights",
    settings: SettingsOption = None,
    is_backed_up: Annotated[
        bool,
        typer.Option(
            "--backed-up", help="The server's database has been copied by you."
        ),
    ] = False,
) -> None:
    """Brings tables of an older ML Metadata to the version installed.

    A SQLite file is copied first; no run may go on.

    Example: slipway metadata upgrade flights
    """
    from pipeline.metadata.server_check import SCHEMA_VERSION
    from pipeline.metadata.upgrading import upgrade as upgrade_store
    from pipeline.metadata.upgrading import version_of
    from pipeline.run_lock import alone

    work_dir = _work_dir(pipeline, settings)
    before = version_of(work_dir.metadata)
    with alone(work_dir):
        copy = upgrade_store(work_dir.metadata, is_backed_up=is_backed_up)
    if before in (None, SCHEMA_VERSION):
        typer.echo(f"{work_dir.metadata} is of version {SCHEMA_VERSION} already.")
        return
    kept = f"; as it was: {copy}" if copy else ""
    typer.echo(f"upgraded {work_dir.metadata}: {before} to {SCHEMA_VERSION}{kept}.")


@metadata.command()
def copy(
    pipeline: PipelineArgument = "flights",
    settings: SettingsOption = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="The SQLite file. [metadata.sqlite of the work folder]",
        ),
    ] = None,
) -> None:
    """Takes the work folder's SQLite file to the server that `metadata` names.

    Every row with its id, or nothing; the file is then renamed, so that nobody goes on
    with it. No run may go on.

    Example: slipway metadata copy flights
    """
    from pipeline.metadata.copying import copy_to_server
    from pipeline.run_lock import alone
    from pipeline.settings_loader import ConfigError

    work_dir = _work_dir(pipeline, settings)
    if work_dir.server is None:
        raise ConfigError(
            "metadata.engine is 'sqlite'; name the server to copy to: engine: mysql, "
            "with host, database, user and password_env."
        )
    path = source or work_dir.metadata_path
    with alone(work_dir):
        num_rows = copy_to_server(path, work_dir.server)
        copied = path.rename(path.with_name(f"{path.name}{_COPIED}"))
    for table, number in num_rows.items():
        typer.echo(f"{table:<20}{number:>10,} rows")
    typer.echo(f"copied to {work_dir.server}; the file is now {copied}.")


def _work_dir(pipeline: str, settings: list[str] | None) -> "WorkDir":
    from pipeline.config import load_config
    from pipeline.run_command import parse_settings
    from pipeline.work_dir import work_dir_for

    return work_dir_for(
        load_config(find_config(pipeline), parse_settings(settings or []))
    )

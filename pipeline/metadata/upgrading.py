"""Brings the tables of an older ML Metadata to the version of the one installed."""

import sqlite3
from contextlib import closing
from pathlib import Path

from pipeline.metadata.connection import WRITE, open_store
from pipeline.metadata.driver import connected
from pipeline.metadata.errors import MetadataRefusedError
from pipeline.metadata.place import MetadataPlace, MetadataServer
from pipeline.metadata.server_check import SCHEMA_VERSION, read_version, widen_numbers
from pipeline.metadata.tables import file_version
from pipeline.metadata.turn import metadata_turn


def version_of(place: MetadataPlace) -> int | None:
    """Returns the version of a store's tables; None for an empty database.

    Raises:
        MetadataError: There is no such store, or its server does not answer.
    """
    if not isinstance(place, MetadataServer):
        return file_version(place)
    with connected(place) as connection, connection.cursor() as cursor:
        return read_version(place, cursor)


def upgrade(place: MetadataPlace, *, is_backed_up: bool = False) -> Path | None:
    """Upgrades a store; no run may go on.

    Args:
        place: Its tables are older than SCHEMA_VERSION, or there is nothing to do.
        is_backed_up: Of a server: whether somebody has copied the database. MySQL
            cannot undo changes of tables; a file is copied here.

    Returns:
        The copy of the SQLite file; None where there was nothing to do, or of a server.

    Raises:
        MetadataRefusedError: The store is newer, or a server's that nobody has copied.
        MetadataError: It cannot be opened, or MLMD cannot upgrade it.
    """
    version = version_of(place)
    if version is None or version == SCHEMA_VERSION:
        return None
    if version > SCHEMA_VERSION:
        raise MetadataRefusedError(
            f"{place} has tables of version {version}; the ml-metadata installed knows "
            f"{SCHEMA_VERSION}. Install the newer one."
        )
    if isinstance(place, MetadataServer):
        _require_backup(place, is_backed_up=is_backed_up)
    with metadata_turn(place):
        if isinstance(place, MetadataServer):
            open_store(place, WRITE, may_upgrade=True)
            widen_numbers(place)
            return None
        copy = _copy_file(place, version)
        open_store(place, WRITE, may_upgrade=True)
        return copy


def _require_backup(server: MetadataServer, *, is_backed_up: bool) -> None:
    settings = server.settings
    if not is_backed_up:
        raise MetadataRefusedError(
            f"{server} would be changed for good. Copy it, for example with mysqldump "
            f"--single-transaction -h {settings.host} -P {settings.port} -u "
            f"{settings.user} -p {settings.database}; then add --backed-up."
        )


def _copy_file(path: Path, version: int) -> Path:
    copy = path.with_name(f"{path.name}.v{version}")
    if copy.exists():
        raise MetadataRefusedError(
            f"{copy} is there already, of an upgrade that did not end. Put it back as "
            f"{path.name}, or remove it if {path.name} is whole; then try again."
        )
    with closing(sqlite3.connect(path)) as old, closing(sqlite3.connect(copy)) as new:
        old.backup(new)
    return copy

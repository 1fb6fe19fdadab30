"""Asks the database server before anything depends on it, and prepares its database.

Light but for an empty database, which MLMD then fills with its tables.
"""

from typing import Any

from pipeline.metadata.driver import connected
from pipeline.metadata.errors import MetadataRefusedError
from pipeline.metadata.place import MetadataServer
from pipeline.metadata.turn import metadata_turn

SCHEMA_VERSION = 10
"""Of ml-metadata 1.21; a test holds the two together."""

# MLMD makes them INT, which ends at 2,147,483,647: less than a model's bytes or the
# rows of a large span. SQLite's numbers have 64 bits.
_NUMBER_TABLES = ("ArtifactProperty", "ExecutionProperty", "ContextProperty")


def check_server(server: MetadataServer) -> int | None:
    """Makes sure that the server can be used as it is.

    Returns:
        The version of its tables; None where the database is empty.

    Raises:
        MetadataUnavailableError: It does not answer.
        MetadataRefusedError: It refuses us, its database compares texts in a way that
            takes one path for another, or its tables are of another version.
    """
    with connected(server) as connection, connection.cursor() as cursor:
        _require_exact_texts(server, cursor)
        version = read_version(server, cursor)
    if version is not None and version != SCHEMA_VERSION:
        remedy = (
            "run `slipway metadata upgrade`."
            if version < SCHEMA_VERSION
            else "install the ml-metadata that the others use."
        )
        raise MetadataRefusedError(
            f"{server} has tables of version {version}; expected {SCHEMA_VERSION}: "
            f"{remedy}"
        )
    return version


def prepare_server(server: MetadataServer) -> None:
    """Checks the server, fills an empty database, and makes its numbers wide enough.

    Raises:
        MetadataError: As check_server; or the user may not make tables.
    """
    if check_server(server) is not None and _has_wide_numbers(server):
        return
    # Imported here: it takes a second, and is needed once in a database's life.
    from pipeline.metadata.connection import CREATE, open_store

    with metadata_turn(server):
        # Somebody else may have been first; MLMD makes what is not there.
        open_store(server, CREATE)
        widen_numbers(server)


def _has_wide_numbers(server: MetadataServer) -> bool:
    with connected(server) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = %s "
            "AND column_name = 'int_value' AND data_type = 'bigint'",
            (server.settings.database,),
        )
        return bool(cursor.fetchone() == (len(_NUMBER_TABLES),))


def widen_numbers(server: MetadataServer) -> None:
    """Gives whole numbers 64 bits; to be called in one's turn."""
    changing = connected(server, answer_timeout_s=None)
    with changing as connection, connection.cursor() as cursor:
        for table in _NUMBER_TABLES:
            cursor.execute(f"ALTER TABLE {table} MODIFY int_value BIGINT NULL")


def read_version(server: MetadataServer, cursor: Any) -> int | None:
    """Returns the version of the tables; None where there are none."""
    cursor.execute(
        "SELECT COUNT(*) FROM information_schema.tables "
        "WHERE table_schema = %s AND table_name = 'MLMDEnv'",
        (server.settings.database,),
    )
    if cursor.fetchone() == (0,):
        return None
    cursor.execute("SELECT schema_version FROM MLMDEnv")
    found = cursor.fetchone()
    return None if found is None else int(found[0])


def _require_exact_texts(server: MetadataServer, cursor: Any) -> None:
    cursor.execute("SELECT @@collation_database")
    collation = cursor.fetchone()[0].decode()
    if collation.endswith("_bin") or collation == "binary":
        return
    database = server.settings.database
    raise MetadataRefusedError(
        f"{server} compares texts by {collation}, for which /data/A and /data/a are "
        "one folder; expected a collation that ends in _bin. Of an empty database: "
        f"ALTER DATABASE {database} CHARACTER SET latin1 COLLATE latin1_bin."
    )

"""Takes a SQLite store to a database server: every row as it is, or none at all."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import batched
from pathlib import Path
from typing import Any

from pymysql.cursors import SSCursor

from pipeline.metadata.driver import connected
from pipeline.metadata.errors import MetadataRefusedError
from pipeline.metadata.place import MetadataServer
from pipeline.metadata.server_check import SCHEMA_VERSION, prepare_server
from pipeline.metadata.tables import (
    NODE_TABLES,
    TABLES,
    Row,
    TableSum,
    columns_of,
    count_rows,
    file_version,
    read_file,
    rows_of,
    table_sum,
)
from pipeline.metadata.turn import metadata_turn

_BATCH = 500
_TEXT, _BYTES = "CONVERT(UNHEX(%s) USING latin1)", "UNHEX(%s)"
# In a database of character set binary, texts are bytes.
_PLACEHOLDERS = {
    "varchar": _TEXT,
    "text": _TEXT,
    "mediumtext": _TEXT,
    "varbinary": _BYTES,
    "blob": _BYTES,
    "mediumblob": _BYTES,
}


def copy_to_server(path: Path, server: MetadataServer) -> dict[str, int]:
    """Copies a store, within one transaction, and compares before it is committed.

    A copy that was killed leaves nothing; one that is there already is only compared.

    Args:
        path: The SQLite file; it stays as it is. No run may go on.
        server: With a database that is empty, or holds the same rows.

    Returns:
        Table to number of rows.

    Raises:
        MetadataRefusedError: The file is of another version, or the database holds
            something else, or cannot hold what the file does.
        MetadataError: The file is no store, or the server does not answer.
    """
    version = file_version(path)
    if version != SCHEMA_VERSION:
        raise MetadataRefusedError(
            f"{path} has tables of version {version}; expected {SCHEMA_VERSION}: run "
            "`slipway metadata upgrade` first, with engine: sqlite."
        )
    prepare_server(server)
    with ExitStack() as held:
        held.enter_context(metadata_turn(path))
        held.enter_context(metadata_turn(server))
        file = held.enter_context(read_file(path))
        connection = held.enter_context(connected(server, answer_timeout_s=None))
        connection.begin()
        if not _is_empty(connection):
            _require_equal(file, connection, server)
        else:
            _copy_rows(file, connection)
            _require_equal(file, connection, server)
            connection.commit()
        with connection.cursor() as cursor:
            return {table: count_rows(cursor, table) for table in TABLES}


def _is_empty(connection: Any) -> bool:
    """Whether there is nothing but the types that MLMD itself makes."""
    with connection.cursor() as cursor:
        return not any(count_rows(cursor, table) for table in NODE_TABLES)


def _copy_rows(file: sqlite3.Connection, connection: Any) -> None:
    with connection.cursor() as cursor:
        for table in reversed(TABLES):
            cursor.execute(f"DELETE FROM {table}")  # noqa: S608 - our own constants
        for table in TABLES:
            columns = columns_of(file, table)
            values = ", ".join(_placeholders(cursor, table, columns))
            statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})"  # noqa: S608 - names of MLMD's schema
            for rows in batched(rows_of(file, table, columns), _BATCH):
                cursor.executemany(statement, [_arguments(row) for row in rows])


def _placeholders(cursor: Any, table: str, columns: Sequence[str]) -> Iterator[str]:
    """Yields how each value is written.

    MLMD says latin1 and writes UTF-8: the server must be told the same for the same
    bytes, or it would turn them into others.
    """
    cursor.execute(
        "SELECT column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = DATABASE() AND table_name = %s",
        (table,),
    )
    kinds = {name.decode(): kind.decode() for name, kind in cursor.fetchall()}
    for column in columns:
        yield _PLACEHOLDERS.get(kinds[column], "%s")


def _arguments(row: Row) -> list[Any]:
    return [value.hex() if isinstance(value, bytes) else value for value in row]


def _require_equal(
    file: sqlite3.Connection, connection: Any, server: MetadataServer
) -> None:
    for table in TABLES:
        columns = columns_of(file, table)
        there = _server_sum(connection, table, columns)
        here = table_sum(rows_of(file, table, columns))
        if here != there:
            raise MetadataRefusedError(
                f"{server} holds {there.num_rows} rows of {table} that are not the "
                f"{here.num_rows} of the file. Name a database that is empty; nothing "
                "was changed."
            )


def _server_sum(connection: Any, table: str, columns: Sequence[str]) -> TableSum:
    with connection.cursor(SSCursor) as cursor:
        cursor.execute(f"SELECT {', '.join(columns)} FROM {table}")  # noqa: S608 - names of MLMD's schema
        return table_sum(cursor)

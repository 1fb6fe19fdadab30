"""MLMD's tables as rows: read and compared alike in SQLite and on a server.

Rows keep their ids, their times and their order of creation, which MLMD's own calls
would give anew; so whatever names an artifact by its id goes on being right.

Source:
    ml_metadata/util/metadata_source_query_config.cc, schema version 10.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.metadata.errors import MetadataError

NODE_TABLES = ("Artifact", "Execution", "Context", "Event")
TABLES = (
    "Type",
    "TypeProperty",
    "ParentType",
    "Artifact",
    "ArtifactProperty",
    "Execution",
    "ExecutionProperty",
    "Context",
    "ContextProperty",
    "ParentContext",
    "Event",
    "EventPath",
    "Association",
    "Attribution",
)
_VERSION_TABLE = "MLMDEnv"
_NUM_BITS = 256

Row = Sequence[int | float | bytes | None]


@dataclass(frozen=True, slots=True)
class TableSum:
    """What a table holds, whatever the order of its rows.

    Attributes:
        num_rows: How many rows.
        digest: Sum of the SHA-256 of each.
    """

    num_rows: int
    digest: int


def table_sum(rows: Iterable[Row]) -> TableSum:
    """Returns what rows amount to; equal for equal rows only."""
    num_rows, digest = 0, 0
    for row in rows:
        text = repr(tuple(row)).encode()
        digest += int.from_bytes(hashlib.sha256(text).digest())
        num_rows += 1
    return TableSum(num_rows, digest % 2**_NUM_BITS)


@contextmanager
def read_file(path: Path) -> Iterator[sqlite3.Connection]:
    """Opens a SQLite store to read its rows; texts come as bytes.

    Raises:
        MetadataError: There is none, or it is no store.
    """
    if not path.is_file():
        raise MetadataError(f"there is no {path}")
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        ) as store:
            store.text_factory = bytes
            yield store
    except sqlite3.DatabaseError as error:
        raise MetadataError(f"{path} cannot be read: {error}") from error


def file_version(path: Path) -> int:
    """Returns the version of a SQLite store's tables.

    Raises:
        MetadataError: There is none, or it is no store.
    """
    with read_file(path) as store:
        found = store.execute(f"SELECT schema_version FROM {_VERSION_TABLE}").fetchone()  # noqa: S608 - our own constant
    if found is None:
        raise MetadataError(f"{path} has no version: MLMD was ended while it made it.")
    return int(found[0])


def columns_of(store: sqlite3.Connection, table: str) -> list[str]:
    """Returns the columns of a table in SQLite, in order."""
    found = store.execute(f"PRAGMA table_info({table})").fetchall()
    return [column[1].decode() for column in found]


def rows_of(
    store: sqlite3.Connection, table: str, columns: Sequence[str]
) -> Iterator[Row]:
    """Yields the rows of a table in SQLite."""
    yield from store.execute(f"SELECT {', '.join(columns)} FROM {table}")  # noqa: S608 - our own constants


def count_rows(cursor: Any, table: str) -> int:
    """Returns how many rows a table has, by a cursor of either engine."""
    cursor.execute(f"SELECT COUNT(*) FROM {table}")  # noqa: S608 - our own constants
    (found,) = cursor.fetchone()
    return int(found)

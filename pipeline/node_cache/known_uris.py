"""Which artifacts ML Metadata knows by which id, without ML Metadata's library.

The cache names artifacts by their ids. Whoever removes the store begins a new one, with
the same small ids for other artifacts.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from pipeline.metadata.place import MetadataPlace, MetadataServer


def known_uris(metadata: MetadataPlace, artifact_ids: Sequence[int]) -> dict[int, str]:
    """Returns the folder of each artifact that the store knows.

    Args:
        metadata: Where ML Metadata is; without a store nothing is known.
        artifact_ids: Ids to look for.

    Raises:
        MetadataError: The server does not answer, or refuses.

    Source:
        ml_metadata/util/metadata_source_query_config.cc, create_artifact_table.
    """
    if not artifact_ids:
        return {}
    if isinstance(metadata, MetadataServer):
        return _known_to_server(metadata, artifact_ids)
    return _known_to_file(metadata, artifact_ids)


def _known_to_file(path: Path, artifact_ids: Sequence[int]) -> dict[int, str]:
    marks = ", ".join("?" * len(artifact_ids))
    query = f"SELECT id, uri FROM Artifact WHERE id IN ({marks})"  # noqa: S608 - marks
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        ) as store:
            return dict(store.execute(query, list(artifact_ids)))
    except sqlite3.DatabaseError:
        return {}


def _known_to_server(
    server: MetadataServer, artifact_ids: Sequence[int]
) -> dict[int, str]:
    # Imported here: most pipelines keep a file.
    from pipeline.metadata.driver import connected

    query = "SELECT id, uri FROM Artifact WHERE id IN %s"
    with connected(server) as connection, connection.cursor() as cursor:
        cursor.execute(query, (tuple(artifact_ids),))
        return {number: uri.decode() for number, uri in cursor.fetchall() if uri}

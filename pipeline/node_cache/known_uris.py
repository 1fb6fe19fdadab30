"""Which artifacts ML Metadata knows by which id, without ML Metadata's library.

The cache names artifacts by their ids. Whoever removes the store begins a new one, with
the same small ids for other artifacts.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path


def known_uris(metadata_path: Path, artifact_ids: Sequence[int]) -> dict[int, str]:
    """Returns the folder of each artifact that the store knows.

    Args:
        metadata_path: ML Metadata's SQLite file; without one nothing is known.
        artifact_ids: Ids to look for.

    Source:
        ml_metadata/util/metadata_source_query_config.cc, create_artifact_table.
    """
    marks = ", ".join("?" * len(artifact_ids))
    query = f"SELECT id, uri FROM Artifact WHERE id IN ({marks})"  # noqa: S608 - marks
    try:
        with closing(
            sqlite3.connect(f"{metadata_path.absolute().as_uri()}?mode=ro", uri=True)
        ) as store:
            return dict(store.execute(query, list(artifact_ids)))
    except sqlite3.DatabaseError:
        return {}

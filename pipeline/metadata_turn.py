"""Turns at ML Metadata's SQLite file, for processes that use it at the same time.

MLMD reads and writes within one deferred transaction: two that both read and then both
want to write cannot wait for each other, and SQLite refuses one of them. So whoever
opens the store to write takes its lock file first, for as long as it has it open.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def metadata_turn(path: str) -> Iterator[None]:
    """Waits until nobody else has the store open for writing.

    Args:
        path: ML Metadata's SQLite file; the lock is the file `{path}.lock`.
    """
    handle = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def mark_deleted(metadata_path: Path, uris: Iterable[str]) -> None:
    """Marks artifacts as deleted, so that nothing is resolved to them any more.

    Args:
        metadata_path: ML Metadata's SQLite file; without one there is nothing to do.
        uris: Their folders; one that the store does not know is no error.
    """
    if not metadata_path.is_file():
        return
    from ml_metadata.metadata_store import metadata_store
    from ml_metadata.proto import metadata_store_pb2

    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(metadata_path)
    config.sqlite.connection_mode = (
        metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE
    )
    with metadata_turn(str(metadata_path)):
        store = metadata_store.MetadataStore(config)
        found = [
            artifact for uri in uris for artifact in store.get_artifacts_by_uri(uri)
        ]
        for artifact in found:
            artifact.state = metadata_store_pb2.Artifact.DELETED
        if found:
            store.put_artifacts(found)

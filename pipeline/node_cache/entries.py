"""What nodes wrote, by key.

    {work_dir}/cache/nodes/{node_id}/{key}.json     one result, see CacheEntry

A file is written beside its place and renamed. One that cannot be read counts as not
there: the node runs again and writes it anew.
"""

import dataclasses
import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.node_cache.node_key import NodeKey
from pipeline.run_record import ArtifactRecord, outputs_from

FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheEntry:
    """One result of a node.

    Attributes:
        node_id: The node.
        key: What decided the result.
        run_id: The run that computed it.
        outputs: Output name to artifacts, each with the digest of its files.
        used_ns: When it was written or last used, nanoseconds since the epoch.
    """

    node_id: str
    key: NodeKey
    run_id: str
    outputs: dict[str, list[ArtifactRecord]]
    used_ns: int = field(default_factory=time.time_ns)
    format_version: int = FORMAT_VERSION


class CacheEntries:
    """The results kept in a folder."""

    def __init__(self, folder: Path) -> None:
        """Names the folder; it need not be there.

        Args:
            folder: `{work_dir}/cache/nodes`.
        """
        self._folder = folder

    def find(self, node_id: str, key: NodeKey) -> CacheEntry | None:
        """Returns the result for a key; None where there is none that can be read."""
        return _read(self._path(node_id, key))

    def newest(self, node_id: str) -> CacheEntry | None:
        """Returns the result of a node that was written or used last."""
        return max(self.list(node_id), key=lambda entry: entry.used_ns, default=None)

    def list(self, node_id: str = "*") -> list[CacheEntry]:
        """Returns all results that can be read, of one node or of every node."""
        entries = map(_read, sorted(self._folder.glob(f"{node_id}/*.json")))
        return [entry for entry in entries if entry is not None]

    def put(self, entry: CacheEntry) -> None:
        """Keeps a result; one of the same key is replaced."""
        path = self._path(entry.node_id, entry.key)
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        text = json.dumps(dataclasses.asdict(entry), indent=1, default=str)
        beside.write_text(text, encoding="utf-8")
        beside.rename(path)

    def mark_used(self, entry: CacheEntry) -> None:
        """Makes a result the newest of its node."""
        self.put(dataclasses.replace(entry, used_ns=time.time_ns()))

    def remove(self, entry: CacheEntry) -> None:
        """Forgets a result; its artifacts stay where they are."""
        self._path(entry.node_id, entry.key).unlink(missing_ok=True)

    def _path(self, node_id: str, key: NodeKey) -> Path:
        return self._folder / node_id / f"{key.digest}.json"


def _read(path: Path) -> CacheEntry | None:
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if values["format_version"] != FORMAT_VERSION:
            return None
        return CacheEntry(
            **values
            | {
                "key": NodeKey(**values["key"]),
                "outputs": outputs_from(values["outputs"]),
            }
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None

"""Digests of artifacts by what is in them, never by names of folders or times."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.run_record import ArtifactRecord

# What TFX or a run writes beside an artifact's own properties.
_NOT_CONTENT = frozenset(
    [
        "baseline_model",
        "baseline_model_id",
        "files_digest",
        "current_model",
        "current_model_id",
        "is_external",
        "name",
        "producer_component",
        "tfx_version",
    ]
)


def folder_digest(folder: Path) -> str:
    """Returns the SHA-256 (hex) over names and contents of all files of a folder.

    Args:
        folder: A folder, or one file. Empty folders do not count.

    Raises:
        FileNotFoundError: There is no such folder.
    """
    if not folder.exists():
        raise FileNotFoundError(f"{folder} is gone.")
    digest = hashlib.sha256()
    files = [folder] if folder.is_file() else sorted(folder.rglob("*"))
    for path in files:
        if path.is_file():
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            digest.update(f"{path.relative_to(folder)}\0{content}\n".encode())
    return digest.hexdigest()


def artifact_digest(artifact: ArtifactRecord) -> str:
    """Returns what stands for an artifact in the keys of the nodes that read it.

    Its files and the properties its component gave it; not where it lies, nor the
    ids it has in ML Metadata.
    """
    content = artifact.content_digest or folder_digest(Path(artifact.uri))
    facts = [artifact.type_name, content, _own_properties(artifact.properties)]
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _own_properties(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value for name, value in properties.items() if name not in _NOT_CONTENT
    }

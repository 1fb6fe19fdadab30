"""Which of a base path's versions are to be served.

    {base_path}/1  {base_path}/007  {base_path}/held  {base_path}/9.txt

Children that parse as a 64-bit integer are versions, leading zeros included; all others
are passed over.
Source: tensorflow_serving/sources/storage_path/file_system_storage_path_source.cc.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving.server.status import Code, ServingError

_LOG = logging.getLogger(__name__)
_NUMBER = re.compile(r"[0-9]+")
_LARGEST = 2**63 - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionPolicy:
    """Latest, all or specific versions.

    Attributes:
        num_latest: How many of the largest numbers; 0 is taken for 1. None: see below.
        specific: These, where num_latest is None. None: all.
    """

    num_latest: int | None = 1
    specific: frozenset[int] | None = None

    def choose(self, found: Mapping[int, Path]) -> dict[int, Path]:
        """Returns the versions to serve.

        Args:
            found: What list_version_dirs gave.
        """
        if self.num_latest is not None:
            chosen = sorted(found)[-max(self.num_latest, 1) :]
        elif self.specific is not None:
            chosen = sorted(found.keys() & self.specific)
        else:
            chosen = sorted(found)
        return {version: found[version] for version in chosen}


def policy_from_message(message: Any) -> VersionPolicy:
    """Reads FileSystemStoragePathSourceConfig.ServableVersionPolicy.

    Raises:
        ServingError: INVALID_ARGUMENT: specific without any version.
    """
    kind = message.WhichOneof("policy_choice")
    if kind == "all":
        return VersionPolicy(num_latest=None)
    if kind == "specific":
        if not message.specific.versions:
            raise ServingError(
                Code.INVALID_ARGUMENT,
                "model_version_policy specific names no versions.",
            )
        return VersionPolicy(
            num_latest=None, specific=frozenset(message.specific.versions)
        )
    return VersionPolicy(num_latest=max(message.latest.num_versions, 1))


def list_version_dirs(base_path: Path) -> dict[int, Path]:
    """Returns version to folder; of 7 and 007 the last by name, as TF Serving has it.

    Raises:
        OSError: The base path is not there or cannot be read.
    """
    found: dict[int, Path] = {}
    for child in sorted(base_path.iterdir(), key=lambda path: path.name):
        if not _NUMBER.fullmatch(child.name) or int(child.name) > _LARGEST:
            continue
        if not child.is_dir():
            continue
        version = int(child.name)
        if version in found:
            _LOG.warning(
                "Duplicate version directories detected. Version %d will be loaded "
                "from %s, %s will be ignored.",
                version,
                child.name,
                found[version].name,
            )
        found[version] = child
    return found

"""Which versions of a model there are, and which of them is served.

    {model_base_path}/{model_name}/
        1/ 2/ 3/        visible: the largest one is served
        held/4/         kept back: rolled back from, or not promoted yet
        ledger.jsonl    who changed what is served, when and why; see ledger.py
        .lock           held while somebody changes it; see change_lock.py
        .pushing-…/     a version being written

TF Serving serves the largest number among the children of the model's folder and
looks at nothing else in it, so what is served is what is on disk: every server that
reads the folder follows a rename, without a configuration file.
Source: tensorflow/serving, sources/storage_path/file_system_storage_path_source.cc
(a child counts if it parses as a 64-bit integer; policy `latest`, one version).
"""

import re
from pathlib import Path

from serving.versions.errors import VersionsError
from serving.versions.ledger import read_ledger

HELD = "held"

_NUMBER = re.compile(r"[0-9]+")
_LARGEST = 2**63 - 1


def list_versions(model_dir: Path) -> list[int]:
    """Returns the visible versions in order; empty where nothing was pushed.

    Args:
        model_dir: `{model_base_path}/{model_name}`; need not exist.

    Raises:
        VersionsError: A folder is called 007 or 0: TF Serving would serve it as a
            number that nothing here writes.
    """
    numbers = _numeric_folders(model_dir)
    for name in numbers:
        if name != str(int(name)) or int(name) < 1:
            raise VersionsError(
                f"{model_dir} holds a folder {name!r}, which TF Serving takes for "
                f"version {int(name)}. A version is a whole number from 1, without "
                "padding: rename or remove the folder."
            )
    return sorted(int(name) for name in numbers)


def held_versions(model_dir: Path) -> list[int]:
    """Returns the versions kept back in order; no server sees them."""
    names = _numeric_folders(model_dir / HELD)
    return sorted(int(name) for name in names if name == str(int(name)) and name != "0")


def all_versions(model_dir: Path) -> list[int]:
    """Returns visible and held versions in order, each once."""
    return sorted({*list_versions(model_dir), *held_versions(model_dir)})


def served_version(model_dir: Path) -> int | None:
    """Returns the version TF Serving serves; None where none is visible."""
    return max(list_versions(model_dir), default=None)


def next_version(model_dir: Path) -> int:
    """Returns the number the next push gets: above all there are and ever were.

    A number is never given twice, not even after its folder was deleted or its push
    was cut short: predictions and the ledger name it.

    Raises:
        LedgerError: The ledger was written by a newer slipway.
    """
    named = [entry.to_version for entry in read_ledger(model_dir).entries]
    return max([0, *all_versions(model_dir), *named]) + 1


def version_path(model_dir: Path, version: int) -> Path:
    """Returns a version's folder, visible or held.

    Raises:
        VersionsError: There is no such version; names those that there are.
    """
    places = [model_dir / str(version), model_dir / HELD / str(version)]
    found = [place for place in places if place.is_dir()]
    if len(found) > 1:
        raise VersionsError(
            f"version {version} is there twice, as {found[0]} and {found[1]}. "
            "Remove the one that is not meant."
        )
    if not found:
        visible = list_versions(model_dir)
        raise VersionsError(
            f"there is no version {version} in {model_dir}: "
            f"{versions_in_words(visible)} visible, "
            f"{versions_in_words(held_versions(model_dir))} held."
        )
    return found[0]


def versions_in_words(versions: list[int]) -> str:
    """Returns "2, 3 and 5"; "none" for an empty list."""
    *others, last = [str(version) for version in versions] or ["none"]
    return f"{', '.join(others)} and {last}" if others else last


def _numeric_folders(folder: Path) -> list[str]:
    """Returns the child folders TF Serving would parse as a version."""
    if not folder.is_dir():
        return []
    return [
        entry.name
        for entry in folder.iterdir()
        if _NUMBER.fullmatch(entry.name)
        and int(entry.name) <= _LARGEST
        and entry.is_dir()
    ]

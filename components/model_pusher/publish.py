"""Puts a bundle under TF Serving's base path as one atomic step.

    {model_base_path}/{model_name}/
        1/  2/  3/        complete versions, small whole numbers that only grow
        .pushing-…/       a version being written; TF Serving does not look at it

TF Serving loads whatever numeric folder appears, so a folder must be complete when it
appears: it is written beside its place, checked, synced and renamed. Two pushers that
choose the same number cannot both win: rename onto a folder that has files fails.
"""

import os
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from serving.bundle.contract import read_contract
from serving.bundle.errors import BundleRefusedError
from serving.bundle.layout import model_digest

Assemble = Callable[[Path, int], None]
"""Makes a bundle of a copied SavedModel: folder and version to nothing, or raises."""


class PushError(RuntimeError):
    """Nothing was published; the text says why and what there is instead."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Publication:
    """One published version.

    Attributes:
        version: The version's number.
        path: Its folder.
        is_new: False if the same model was published before as this version.
    """

    version: int
    path: Path
    is_new: bool


def list_versions(base_path: Path) -> list[int]:
    """Returns the published versions in order; empty where nothing was published."""
    if not base_path.is_dir():
        return []
    return sorted(
        int(entry.name)
        for entry in base_path.iterdir()
        if entry.is_dir() and entry.name.isdecimal()
    )


def publish(model_dir: Path, base_path: Path, assemble: Assemble) -> Publication:
    """Publishes a model as the next version, unless it is the newest one already.

    Args:
        model_dir: The SavedModel to copy.
        base_path: `{model_base_path}/{model_name}`; made if it is not there.
        assemble: Adds what makes a bundle of the copy and checks it; what it raises
            ends the push with nothing published.

    Raises:
        PushError: The version's folder appeared meanwhile, or cannot be written.
    """
    versions = list_versions(base_path)
    if versions and _is_bundle_of(base_path / str(versions[-1]), model_dir):
        newest = base_path / str(versions[-1])
        return Publication(version=versions[-1], path=newest, is_new=False)
    version = versions[-1] + 1 if versions else 1
    return _write_version(model_dir, base_path, version, assemble)


def _is_bundle_of(version_dir: Path, model_dir: Path) -> bool:
    """Tells whether a version is a whole bundle of this model.

    One without a contract, or with a damaged one, is not: pushing the model once more
    gives people a version they can use.
    """
    try:
        read_contract(version_dir)
        return model_digest(version_dir) == model_digest(model_dir)
    except BundleRefusedError:
        return False


def _write_version(
    model_dir: Path, base_path: Path, version: int, assemble: Assemble
) -> Publication:
    final = base_path / str(version)
    beside = base_path / f".pushing-{version}-{uuid.uuid4().hex}"
    try:
        base_path.mkdir(parents=True, exist_ok=True)
        shutil.copytree(model_dir, beside)
        assemble(beside, version)
        _sync(beside)
        beside.rename(final)
    except OSError as error:
        if final.exists():
            raise PushError(
                f"version {version} appeared in {base_path} while it was being "
                "written; nothing was pushed. Run again to push the next version."
            ) from error
        raise PushError(
            f"version {version} could not be written to {base_path}: {error}; "
            "nothing was pushed."
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return Publication(version=version, path=final, is_new=True)


def _sync(folder: Path) -> None:
    """Makes sure that a crash after the rename finds the files' contents on disk."""
    for path in [*folder.rglob("*"), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

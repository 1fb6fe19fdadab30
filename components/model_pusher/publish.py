"""Puts a bundle under TF Serving's base path as one atomic step.

    {model_base_path}/{model_name}/
        1/  2/  3/        complete versions, small whole numbers that only grow
        held/4/           a candidate, where no server looks
        .pushing-…/       a version being written; TF Serving does not look at it

TF Serving loads whatever numeric folder appears, so a folder must be complete when it
appears: it is written beside its place, checked, synced and renamed. Two pushers that
choose the same number cannot both win: numbers are given under a lock. The folder is
serving/versions/model_folder.py's, its record serving/versions/ledger.py's.
"""

import os
import shutil
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from serving.bundle.contract import read_contract
from serving.bundle.errors import BundleRefusedError
from serving.bundle.layout import model_digest
from serving.versions.errors import VersionsError
from serving.versions.ledger import Author
from serving.versions.model_folder import HELD, all_versions, next_version, version_path
from serving.versions.promotion import record_push

STALE_AFTER_S = 3600.0
_BESIDE = ".pushing-"

Assemble = Callable[[Path, int], None]
"""Makes a bundle of a copied SavedModel: folder and version to nothing, or raises."""


class PushError(RuntimeError):
    """Nothing was published; the text says why and what there is instead."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Publication:
    """One published version.

    Attributes:
        version: The version's number.
        path: Its folder; under held/ for a version that is kept back.
        is_new: False if the same model was published before as this version.
        reason: Why nothing was published; "" if something was.
    """

    version: int
    path: Path
    is_new: bool
    reason: str = ""


def publish(
    model_dir: Path,
    base_path: Path,
    assemble: Assemble,
    author: Author,
    *,
    is_held: bool = False,
) -> Publication:
    """Publishes a model as the next version, unless the newest one is this model.

    A model that was rolled back stays held: it is not served again under a new number
    because the same run was run again.

    Args:
        model_dir: The SavedModel to copy.
        base_path: `{model_base_path}/{model_name}`; made if it is not there.
        assemble: Adds what makes a bundle of the copy and checks it; what it raises
            ends the push with nothing published.
        author: Who pushes and why, for the ledger.
        is_held: Publish it as a candidate in held/: what is served stays so.

    Raises:
        PushError: The version's number was given away meanwhile, or the folder cannot
            be written.
    """
    try:
        return find_published(model_dir, base_path) or _write_version(
            model_dir, base_path, assemble, author, is_held=is_held
        )
    except VersionsError as error:
        raise PushError(f"{error}") from error


def find_published(model_dir: Path, base_path: Path) -> Publication | None:
    """Returns the newest version if it is a whole bundle of this model, else None.

    Raises:
        VersionsError: The folder's record of versions cannot be read.
    """
    newest = max(all_versions(base_path), default=None)
    if newest is None:
        return None
    path = version_path(base_path, newest)
    return _already_there(path, newest) if _is_bundle_of(path, model_dir) else None


def _already_there(path: Path, version: int) -> Publication:
    reason = f"version {version} is this model already"
    if path.parent.name == HELD:
        reason += f", and it is held back; slipway promote {version} serves it"
    return Publication(version=version, path=path, is_new=False, reason=reason)


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
    model_dir: Path,
    base_path: Path,
    assemble: Assemble,
    author: Author,
    *,
    is_held: bool,
) -> Publication:
    version = next_version(base_path)
    beside = base_path / f"{_BESIDE}{version}-{uuid.uuid4().hex}"
    try:
        base_path.mkdir(parents=True, exist_ok=True)
        _remove_what_killed_pushes_left(base_path)
        shutil.copytree(model_dir, beside)
        assemble(beside, version)
        _sync(beside)
        record_push(base_path, beside, version, author=author, is_held=is_held)
    except OSError as error:
        raise PushError(
            f"version {version} could not be written to {base_path}: {error}; "
            "nothing was pushed."
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return Publication(
        version=version, path=version_path(base_path, version), is_new=True
    )


def _remove_what_killed_pushes_left(base_path: Path) -> None:
    """Removes half-written versions that nobody can be writing any more."""
    for folder in base_path.glob(f"{_BESIDE}*"):
        if time.time() - folder.stat().st_mtime > STALE_AFTER_S:
            shutil.rmtree(folder, ignore_errors=True)


def _sync(folder: Path) -> None:
    """Makes sure that a crash after the rename finds the files' contents on disk."""
    for path in [*folder.rglob("*"), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

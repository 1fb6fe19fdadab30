"""Puts a SavedModel under TF Serving's base path as one atomic step.

    {model_base_path}/{model_name}/
        1/  2/  3/        complete versions, small whole numbers that only grow
        .pushing-…/       a version being written; TF Serving does not look at it

TF Serving loads whatever numeric folder appears, so a folder must be complete when it
appears: it is written beside its place, synced and renamed. Two pushers that choose
the same number cannot both win: rename onto a folder that has files fails.
"""

import hashlib
import json
import os
import shutil
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

PUSH_FILE = Path("assets.extra") / "push.json"
FORMAT_VERSION = 1


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


def model_digest(model_dir: Path) -> str:
    """Returns the SHA-256 (hex) over names and contents of all files of a model.

    `assets.extra/push.json` is left out: it is written at the push.
    """
    digest = hashlib.sha256()
    for path in sorted(model_dir.rglob("*")):
        relative = path.relative_to(model_dir)
        if path.is_file() and relative != PUSH_FILE:
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"{relative.as_posix()}\n{content}\n".encode())
    return digest.hexdigest()


def list_versions(base_path: Path) -> list[int]:
    """Returns the published versions in order; empty where nothing was published."""
    if not base_path.is_dir():
        return []
    return sorted(
        int(entry.name)
        for entry in base_path.iterdir()
        if entry.is_dir() and entry.name.isdecimal()
    )


def publish(model_dir: Path, base_path: Path, *, run_id: str) -> Publication:
    """Publishes a model as the next version, unless it is the newest one already.

    Args:
        model_dir: The SavedModel to copy.
        base_path: `{model_base_path}/{model_name}`; made if it is not there.
        run_id: The run that trained the model, kept in push.json.

    Raises:
        PushError: The version's folder appeared meanwhile, or cannot be written.
    """
    digest = model_digest(model_dir)
    versions = list_versions(base_path)
    if versions and model_digest(base_path / str(versions[-1])) == digest:
        newest = versions[-1]
        return Publication(version=newest, path=base_path / str(newest), is_new=False)
    version = versions[-1] + 1 if versions else 1
    record = {
        "format_version": FORMAT_VERSION,
        "model_name": base_path.name,
        "version": version,
        "run_id": run_id,
        "model_digest": digest,
        "pushed_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return _write_version(model_dir, base_path, version, record)


def _write_version(
    model_dir: Path, base_path: Path, version: int, record: dict[str, object]
) -> Publication:
    final = base_path / str(version)
    beside = base_path / f".pushing-{version}-{uuid.uuid4().hex}"
    try:
        base_path.mkdir(parents=True, exist_ok=True)
        shutil.copytree(model_dir, beside)
        (beside / PUSH_FILE).parent.mkdir(exist_ok=True)
        (beside / PUSH_FILE).write_text(json.dumps(record, indent=1), encoding="utf-8")
        _sync(beside)
        beside.rename(final)
    except OSError as error:
        shutil.rmtree(beside, ignore_errors=True)
        if final.exists():
            raise PushError(
                f"version {version} appeared in {base_path} while it was being "
                "written; nothing was pushed. Run again to push the next version."
            ) from error
        raise PushError(
            f"version {version} could not be written to {base_path}: {error}; "
            "nothing was pushed."
        ) from error
    return Publication(version=version, path=final, is_new=True)


def _sync(folder: Path) -> None:
    """Makes sure that a crash after the rename finds the files' contents on disk."""
    for path in [*folder.rglob("*"), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

"""Writes a deployment's files: whole, or not at all, and never over somebody's work.

    {out}/slipway-deploy.json   SHA-256 of every file that was generated, by its path

What is not in that list is left alone: active/, and what others put there. A file that
is in it and was edited since stops the writing.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from serving.deploy.errors import DeployError
from serving.deploy.files import GeneratedFile, json_file

MANIFEST = "slipway-deploy.json"
_PROGRAM = "#!"


def write_files(out: Path, files: Sequence[GeneratedFile], *, overwrite: bool) -> None:
    """Writes the files and the list of them.

    All of them are written beside the folder first. A new folder then appears by one
    rename; in one that is there, files are replaced one by one and the list comes last:
    the same command again ends what was interrupted.

    Args:
        out: Made if it is not there.
        files: Their paths are different.
        overwrite: Whether an earlier deployment's files there may be replaced.

    Raises:
        DeployError: The folder holds something and overwrite is False, or it holds no
            deployment, or a generated file was edited.
        OSError: The folder cannot be written.
    """
    out = out.absolute()
    hashes = {file.path: _sha256(file.text.encode()) for file in files}
    listed = json_file(MANIFEST, {"files": dict(sorted(hashes.items()))})
    stale = _stale_files(out, hashes, overwrite=overwrite)
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        temporary.chmod(0o755)
        for file in (*files, listed):
            _write(temporary / file.path, file.text)
        if out.is_dir():
            _replace(out, temporary, [*hashes, MANIFEST])
            _remove(out, stale)
        else:
            temporary.rename(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _stale_files(out: Path, hashes: Mapping[str, str], *, overwrite: bool) -> list[str]:
    """Returns what an earlier deployment made and this one does not."""
    if out.exists() and not out.is_dir():
        raise DeployError(f"--out {out}: it is a file; expected a folder.")
    if not out.is_dir() or not any(out.iterdir()):
        return []
    if not overwrite:
        raise DeployError(
            f"--out {out}: it is not empty. Name a new folder, or give --overwrite to "
            "replace what an earlier deployment generated there."
        )
    before = _read_manifest(out)
    for path in sorted({*before, *hashes}):
        found = out / path
        is_link = found.resolve() != out.resolve() / path
        if is_link or (found.exists() and not found.is_file()):
            raise DeployError(
                f"--out {out}: {path} is a link, or no regular file. Remove it."
            )
        if not found.is_file():
            continue
        digest = _sha256(found.read_bytes())
        if digest not in (before.get(path), hashes.get(path)):
            raise DeployError(
                f"--out {out}: {path} was edited, or put there by somebody; it would "
                "be lost. Move it away, or name a new folder."
            )
    return sorted(before.keys() - hashes.keys())


def _read_manifest(out: Path) -> dict[str, str]:
    refusal = DeployError(
        f"--out {out}: it holds other things and no usable {MANIFEST}, so it is no "
        "deployment of slipway's. Name a new or an empty folder."
    )
    try:
        document: Any = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
        files = dict(document["files"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise refusal from error
    for path, digest in files.items():
        plain = PurePosixPath(path)
        if plain.is_absolute() or ".." in plain.parts or not isinstance(digest, str):
            raise refusal
    return files


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755 if text.startswith(_PROGRAM) else 0o644)


def _replace(out: Path, temporary: Path, paths: Sequence[str]) -> None:
    for path in paths:
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (temporary / path).replace(out / path)


def _remove(out: Path, paths: Sequence[str]) -> None:
    for path in paths:
        (out / path).unlink(missing_ok=True)
        folder = (out / path).parent
        if folder != out and not any(folder.iterdir()):
            folder.rmdir()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

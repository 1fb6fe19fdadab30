"""The folder a scoring writes, held by one scoring at a time.

What lies in it:

    part-00000.parquet …     scored rows, or .csv
    quarantine/part-00000.jsonl …
    summary.json             what came of it
    _plan.json               which rows go where; see plan.py
    _unknown.json            unknown values per feature, counted before scoring
    _parts/part-00000.json … counts of each part
    _refused/…               why a worker gave up; gone when the command is repeated
    _lock                    held while a scoring writes here
    _SUCCESS                 written last; without it the output is not complete
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from serving.batch_scoring import part_files
from serving.batch_scoring.errors import ScoringUsageError
from serving.batch_scoring.plan import describe_difference

PLAN = "_plan.json"
SUMMARY = "summary.json"
SUCCESS = "_SUCCESS"
UNKNOWN = "_unknown.json"
REFUSED = "_refused"
_LOCK = "_lock"
_OURS = (PLAN, SUMMARY, SUCCESS, UNKNOWN, REFUSED, part_files.PARTS)


@contextmanager
def locked(output: Path) -> Iterator[None]:
    """Makes the folder and holds it; the lock ends with the process, however it ends.

    Raises:
        ScoringUsageError: Another scoring holds it, or it holds files of others.
    """
    _require_ours(output)
    output.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(output / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ScoringUsageError(
                f"--output {output}: another scoring writes it now. Wait for it, or "
                "name another folder."
            ) from error
        yield
    finally:
        os.close(descriptor)


def _require_ours(output: Path) -> None:
    if output.exists() and not output.is_dir():
        raise ScoringUsageError(f"--output {output}: it is a file; expected a folder.")
    if not output.is_dir() or (output / PLAN).exists():
        return
    others = sorted(path.name for path in output.iterdir() if path.name != _LOCK)
    others = [name for name in others if not name.startswith(part_files.TEMPORARY)]
    if others:
        raise ScoringUsageError(
            f"--output {output}: it holds {others[0]!r} and is no output of a scoring. "
            "Name a new or an empty folder."
        )


def check_apart(output: Path, inputs: Sequence[str]) -> None:
    """Refuses an output folder in which inputs lie, or which lies among them.

    Args:
        output: The folder, which need not exist.
        inputs: Paths of a command line and of the files they stand for.

    Raises:
        ScoringUsageError: A later run would read what this one writes.
    """
    folder = output.resolve()
    for path in inputs:
        source = Path(path).resolve()
        if folder.is_relative_to(source) or source.is_relative_to(folder):
            raise ScoringUsageError(
                f"--output {output}: it lies within the input {path}, or holds it; the "
                "next scoring would take scores for rows. Name a folder elsewhere."
            )


def open_plan(output: Path, plan: bytes, *, overwrite: bool) -> None:
    """Writes the plan, or sees that the one there is the same.

    Args:
        output: The folder, held.
        plan: Bytes of _plan.json.
        overwrite: Whether to remove what another plan left, or a complete output.
            What an interrupted run of the same plan left is kept and taken up.

    Raises:
        ScoringUsageError: The folder holds another plan.
    """
    path = output / PLAN
    found = path.read_bytes() if path.exists() else None
    is_complete = (output / SUCCESS).exists()
    if found is not None and found != plan and not overwrite:
        raise ScoringUsageError(
            f"--output {output}: it holds another scoring: "
            f"{describe_difference(found, plan)}. Name another folder, or add "
            "--overwrite to remove it."
        )
    if overwrite and (found != plan or is_complete):
        _clear(output)
    for temporary in output.rglob(f"{part_files.TEMPORARY}*"):
        temporary.unlink()
    shutil.rmtree(output / REFUSED, ignore_errors=True)
    if found != plan or not path.exists():
        part_files.write_file(path, plan)


def _clear(output: Path) -> None:
    """Removes a scoring; _SUCCESS first, so that half a removal never looks whole."""
    (output / SUCCESS).unlink(missing_ok=True)
    for path in [*output.glob("part-*"), *output.glob("quarantine/part-*.jsonl")]:
        path.unlink()
    for name in _OURS:
        path = output / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def read_summary(output: Path) -> dict[str, Any]:
    """Returns the document in summary.json of a complete output."""
    document: dict[str, Any] = json.loads((output / SUMMARY).read_bytes())
    return document

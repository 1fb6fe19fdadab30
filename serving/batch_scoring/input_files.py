"""Finds the files that a command line names: files, folders, globs."""

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from serving.batch_scoring.errors import ScoringUsageError


class FileFormat(StrEnum):
    """What a file of rows is; told by its name."""

    CSV = "csv"
    PARQUET = "parquet"
    TFRECORD = "tfrecord"


@dataclass(frozen=True, kw_only=True, slots=True)
class InputFile:
    """One file of rows.

    Attributes:
        path: Absolute, links resolved.
        format: What it holds.
    """

    path: str
    format: FileFormat


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundInputs:
    """What the paths of a command line stand for.

    Attributes:
        files: In the order of the paths; within one, by name.
        ignored: Files of the folders that hold no rows by their names, such as
            manifest.json; files that begin with "_" or "." are not even counted.
        folders: Folders that were searched.
    """

    files: tuple[InputFile, ...]
    ignored: tuple[str, ...]
    folders: tuple[str, ...]


_KINDS = "*.csv, *.parquet, or *tfrecord*, which may end in .gz"


def file_format(path: Path) -> FileFormat | None:
    """Tells a file's format by its name; None if it is none of the three.

    TFX calls its files data_tfrecord-00000-of-00001.gz, so that for TFRecord the word
    anywhere in the name will do.
    """
    name = path.name.lower()
    if name.endswith(".csv"):
        return FileFormat.CSV
    if name.endswith((".parquet", ".pq")):
        return FileFormat.PARQUET
    return FileFormat.TFRECORD if "tfrecord" in name else None


def find_input_files(paths: Sequence[str]) -> FoundInputs:
    """Finds every input file.

    Args:
        paths: Files, folders (searched with all folders in them) or globs.

    Raises:
        ScoringUsageError: A path leads nowhere or to no file of rows, or two of them
            lead to the same file, whose rows would be scored twice.
    """
    files: list[InputFile] = []
    ignored: list[str] = []
    folders: list[str] = []
    for path in paths:
        matches = _match(path)
        folders += [str(match) for match in matches if match.is_dir()]
        found = [entry for match in matches for entry in _list_files(match)]
        files += [_input_file(entry) for entry in found if file_format(entry)]
        ignored += [str(entry) for entry in found if not file_format(entry)]
        if not any(file_format(entry) for entry in found):
            raise ScoringUsageError(
                f"--input {path}: there is no file of rows; expected {_KINDS}."
            )
    _require_distinct(files)
    return FoundInputs(
        files=tuple(files), ignored=tuple(ignored), folders=tuple(folders)
    )


def _require_distinct(files: Sequence[InputFile]) -> None:
    seen: set[str] = set()
    for file in files:
        if file.path in seen:
            raise ScoringUsageError(
                f"--input: {file.path} is named twice; its rows would be scored "
                "twice. Name it once."
            )
        seen.add(file.path)


def _match(path: str) -> list[Path]:
    if Path(path).is_file() and file_format(Path(path)) is None:
        raise ScoringUsageError(
            f"--input {path}: its name does not say what it holds; expected {_KINDS}. "
            "Rename it, or unpack it first."
        )
    if Path(path).exists():
        return [Path(path)]
    matches = [Path(match) for match in sorted(glob.glob(path, recursive=True))]  # noqa: PTH207 - Path.glob takes no absolute pattern
    if not matches:
        raise ScoringUsageError(
            f"--input {path}: there is no such file, and nothing matches it as a glob."
        )
    return matches


def _list_files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return [
        entry
        for entry in sorted(path.rglob("*"))
        if entry.is_file() and not _is_hidden(entry.relative_to(path))
    ]


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(("_", ".")) for part in path.parts)


def _input_file(path: Path) -> InputFile:
    found = file_format(path)
    if found is None:
        raise ScoringUsageError(f"{path}: expected {_KINDS}.")
    return InputFile(path=str(path.resolve()), format=found)

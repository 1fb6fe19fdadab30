"""Compares a folder's files with a contract, and vocabularies line by line."""

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path

from serving.bundle import layout
from serving.bundle.contract import Contract
from serving.skew_proof.proof_report import FileDifference, LineDifference

MAX_LINES = 5
"""Differing lines that are told of one file."""

ASSETS = "assets/"
_EXTRA = f"{layout.EXTRA}/"


def changed_files(folder: Path, contract: Contract) -> tuple[FileDifference, ...]:
    """Returns what of a bundle's folder is not as its contract says.

    Args:
        folder: A bundle, or a SavedModel without its assets.extra/, of which then
            nothing is missed.
        contract: What was pushed; contract.json itself answers for its own digest.

    Raises:
        BundleRefusedError: The folder holds links or devices.
    """
    there = layout.list_files(folder)
    is_bundle = any(path.startswith(_EXTRA) for path in there)
    wanted = {
        file.path: file.sha256
        for file in contract.files
        if is_bundle or not file.path.startswith(_EXTRA)
    }
    return _differences(folder, there, wanted)


def differing_files(folder: Path, model: Path) -> tuple[FileDifference, ...]:
    """Returns what of a bundle's model is not as in a SavedModel that is right.

    Args:
        folder: The bundle; its assets.extra/ are left out.
        model: The SavedModel.

    Raises:
        BundleRefusedError: A folder holds links or devices.
    """
    there = {
        path: file
        for path, file in layout.list_files(folder).items()
        if not path.startswith(_EXTRA)
    }
    wanted = {
        path: layout.sha256_of(file)
        for path, file in layout.list_files(model).items()
        if not path.startswith(_EXTRA)
    }
    return _differences(folder, there, wanted)


def _differences(
    folder: Path, there: Mapping[str, Path], wanted: Mapping[str, str]
) -> tuple[FileDifference, ...]:
    found = []
    for path in sorted({*wanted, *there} - {layout.CONTRACT}):
        expected = wanted.get(path, "")
        sha256 = layout.sha256_of(there[path]) if path in there else ""
        if expected != sha256:
            what = "changed" if expected and sha256 else "missing"
            found.append(
                FileDifference(
                    folder=str(folder),
                    path=path,
                    what=what if expected else "added",
                    expected_sha256=expected,
                    found_sha256=sha256,
                )
            )
    return tuple(found)


def with_lines(difference: FileDifference, reference: Path) -> FileDifference:
    """Adds the lines that differ, of a vocabulary that was changed.

    Args:
        difference: Of any file; others than changed assets come back as they are.
        reference: A folder in which the file is as it was pushed.
    """
    if difference.what != "changed" or not difference.path.startswith(ASSETS):
        return difference
    right = read_lines(reference / difference.path)
    wrong = read_lines(Path(difference.folder) / difference.path)
    if right is None or wrong is None:
        return difference
    lines = list(differing_lines(right, wrong))
    return FileDifference(
        folder=difference.folder,
        path=difference.path,
        what=difference.what,
        expected_sha256=difference.expected_sha256,
        found_sha256=difference.found_sha256,
        lines=tuple(lines[:MAX_LINES]),
        num_lines=len(lines),
    )


def read_lines(path: Path) -> list[str] | None:
    """Returns a text file's lines; None if it is no UTF-8.

    A server holds its vocabularies in memory, so one fits.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return None
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def differing_lines(right: list[str], wrong: list[str]) -> Iterator[LineDifference]:
    """Yields the lines that differ, those of equal beginning and end left out.

    A line put in, or one gone, is one difference and not one for every line behind it.

    Args:
        right: Lines as they were pushed.
        wrong: Lines of the other copy.
    """
    start = _common(right, wrong)
    shortest = min(len(right), len(wrong)) - start
    end = min(shortest, _common(right[::-1], wrong[::-1]))
    pushed, found = right[start : len(right) - end], wrong[start : len(wrong) - end]
    for line, (one, other) in enumerate(zip_longest(pushed, found), start=start + 1):
        if one != other:
            yield LineDifference(line=line, reference=one, served=other)


def _common(left: list[str], right: list[str]) -> int:
    """Returns how many first lines are equal."""
    count = 0
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        count += 1
    return count

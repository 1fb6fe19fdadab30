"""A file of JSON lines of which none can be edited, added or removed unseen.

One JSON object a line, in the order of writing:

    {"format_version": 1, "seq": 3, …, "previous_sha256": "…", "sha256": "…"}

`seq` is 1 for the first line, then one more each. `previous_sha256` is the SHA-256 of
the line before (null in the first), `sha256` that of the line itself without this
field. It is no signature: who can rewrite the whole file can recompute it.

A line is written by one call and synced, so a reader sees it whole or torn at the end;
the next writer sets torn bytes aside in `{stem}.torn`. Writers hold a lock of their
own, such as serving/versions/change_lock.py's.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from serving.bundle.strict_json import FormatError, parse_json

_OWN_DIGEST = re.compile(rb'(\{.*), "sha256": "([0-9a-f]{64})"\}')


class ChainedLinesError(RuntimeError):
    """The file cannot be read or written, or a newer slipway wrote it."""


class ChainedEntry(Protocol):
    """What every kind of entry has."""

    @property
    def seq(self) -> int:
        """Its place in the file, from 1."""

    @property
    def previous_sha256(self) -> str | None:
        """SHA-256 of the line before; None in the first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChainedLines[Entry]:
    """The file as it was read.

    Attributes:
        entries: Every line that can be read, in order.
        problems: What was changed after it was written, a sentence each.
        torn: Bytes after the last whole line: a crash while writing.
        last_sha256: SHA-256 of the last whole line; None if there is none.
        num_lines: Whole lines.
    """

    entries: tuple[Entry, ...] = ()
    problems: tuple[str, ...] = ()
    torn: bytes = field(default=b"", repr=False)
    last_sha256: str | None = None
    num_lines: int = 0


def read_lines[Entry: ChainedEntry](
    path: Path, decode: Callable[[bytes], Entry]
) -> ChainedLines[Entry]:
    """Reads the file; empty where there is none.

    Args:
        path: The file.
        decode: Makes an entry of one line without its line feed, with `parse_line`;
            FormatError becomes one of the problems.

    Raises:
        ChainedLinesError: It cannot be opened, or a newer slipway wrote a line.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return ChainedLines()
    except OSError as error:
        raise ChainedLinesError(f"{path} cannot be read: {error.strerror}.") from error
    *lines, torn = text.split(b"\n")
    entries: list[Entry] = []
    problems: list[str] = []
    previous: str | None = None
    for number, line in enumerate(lines, start=1):
        try:
            entry = decode(line)
        except FormatError as error:
            problems.append(f"line {number} of {path.name}: {error}")
        else:
            if entry.previous_sha256 != previous or entry.seq != number:
                problems.append(
                    f"line {number} of {path.name}: it does not follow the line "
                    "before; lines were changed, added or removed."
                )
            entries.append(entry)
        previous = hashlib.sha256(line).hexdigest()
    return ChainedLines(
        entries=tuple(entries),
        problems=tuple(problems),
        torn=torn,
        last_sha256=previous,
        num_lines=len(lines),
    )


def append_line(path: Path, line: bytes, torn: bytes) -> None:
    """Writes one line and syncs it; the caller holds the file's lock.

    Args:
        path: The file; made if it is not there, its folder must be.
        line: What `encode_line` gave.
        torn: The file's bytes after its last whole line; they are set aside first.

    Raises:
        ChainedLinesError: It cannot be written; the file may end with a torn line.
    """
    try:
        if torn:
            _write(path.with_suffix(".torn"), torn + b"\n")
            os.truncate(path, path.stat().st_size - len(torn))
        _write(path, line + b"\n")
    except OSError as error:
        raise ChainedLinesError(
            f"{path} cannot be written: {error.strerror or error}."
        ) from error


def encode_line(document: Mapping[str, Any]) -> bytes:
    """Returns a line without its line feed: the document and its digest.

    Args:
        document: Plain values; `previous_sha256` comes last.
    """
    text = json.dumps(document, ensure_ascii=True, allow_nan=False).encode()
    digest = hashlib.sha256(text).hexdigest()
    return text[:-1] + f', "sha256": "{digest}"}}'.encode()


def parse_line(line: bytes, name: str, newest_format: int) -> dict[str, Any]:
    """Returns the document of one line, its digest checked and left out.

    Args:
        line: Without its line feed.
        name: The file's name, for the message.
        newest_format: The largest format_version that is known here.

    Raises:
        FormatError: It is no entry, or was changed after it was written.
        ChainedLinesError: A newer slipway wrote it.
    """
    document = parse_json(line) if line.strip() else {}
    version = document.get("format_version")
    if isinstance(version, int) and version > newest_format:
        raise ChainedLinesError(
            f"{name} has a line of format_version {version}; this slipway reads up "
            f"to {newest_format}. Upgrade slipway."
        )
    match = _OWN_DIGEST.fullmatch(line)
    if match is None:
        raise FormatError("it is no entry: it does not end with its sha256.")
    if hashlib.sha256(match[1] + b"}").hexdigest().encode() != match[2]:
        raise FormatError("it was changed after it was written.")
    return {key: value for key, value in document.items() if key != "sha256"}


def sync_folder(folder: Path) -> None:
    """Makes sure that a crash finds the folder's names as they are now."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(path: Path, text: bytes) -> None:
    """Appends in one call, so that a reader sees the line whole or torn at the end."""
    is_new = not path.exists()
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        written = os.write(handle, text)
        if written != len(text):
            raise OSError(f"only {written} of {len(text)} bytes fit on the disk")
        os.fsync(handle)
    finally:
        os.close(handle)
    if is_new:
        sync_folder(path.parent)

"""ledger.jsonl: who changed what is served, when, from what to what, and why.

One JSON object a line, in the order of writing:

    {"format_version": 1, "seq": 3, "at": "2026-11-21T12:00:00+00:00",
     "action": "rollback", "who": "ada@host", "reason": "late flights missed",
     "from": 7, "to": 5, "bundle_digest": "…", "previous_sha256": "…", "sha256": "…"}

A line is an intent: it is written and synced before anything moves, `from` is what the
folder served at that moment. So whether a change came through is told by the next
line's `from`, or by the folder. `previous_sha256` is the SHA-256 of the line before
(null in the first), `sha256` that of the line itself without this field: an edited,
added or removed line is seen. It is no signature: who can rewrite the whole file can
recompute it.

Readers of later versions must read every format_version written before; a line of a
newer version than FORMAT_VERSION is refused.
"""

import hashlib
import json
import os
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Literal

from serving.bundle.strict_json import FormatError, decode, parse_json
from serving.versions.errors import LedgerError

LEDGER = "ledger.jsonl"
TORN = "ledger.torn"
FORMAT_VERSION = 1

Action = Literal["push", "promote", "rollback"]

_OWN_DIGEST = re.compile(rb'(\{.*), "sha256": "([0-9a-f]{64})"\}')


@dataclass(frozen=True, kw_only=True, slots=True)
class Author:
    """Who changes what is served, and why.

    Attributes:
        who: Such as "ada@host".
        reason: A sentence; may be empty but for a rollback.
    """

    who: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ServedChange:
    """One change of what is served.

    Attributes:
        action: What was asked for.
        from_version: What the folder served when it was asked; None: nothing.
        to_version: What it shall serve.
        bundle_digest: Identity of that bundle.
    """

    action: Action
    from_version: int | None
    to_version: int
    bundle_digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerEntry:
    """One line.

    Attributes:
        seq: 1 for the first line, then one more each.
        at: ISO 8601, UTC.
        action, from_version, to_version, bundle_digest: See ServedChange.
        who, reason: See Author.
        previous_sha256: SHA-256 of the line before; None in the first.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}
    format_version: int = FORMAT_VERSION
    seq: int
    at: str
    action: Action
    who: str
    reason: str
    from_version: int | None
    to_version: int
    bundle_digest: str
    previous_sha256: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Ledger:
    """The ledger as it was read.

    Attributes:
        entries: Every line that can be read, in order.
        problems: What was changed after it was written, a sentence each.
        torn: Bytes after the last whole line: a crash while writing.
        last_sha256: SHA-256 of the last whole line; None if there is none.
        num_lines: Whole lines.
    """

    entries: tuple[LedgerEntry, ...] = ()
    problems: tuple[str, ...] = ()
    torn: bytes = field(default=b"", repr=False)
    last_sha256: str | None = None
    num_lines: int = 0

    @property
    def last(self) -> LedgerEntry | None:
        """The newest entry."""
        return self.entries[-1] if self.entries else None

    def pushed_digest(self, version: int) -> str | None:
        """Returns the bundle a version was pushed as; None if that is not known."""
        for entry in self.entries:
            if entry.action == "push" and entry.to_version == version:
                return entry.bundle_digest
        return None


def read_ledger(model_dir: Path) -> Ledger:
    """Reads the ledger; empty where there is none.

    Raises:
        LedgerError: It cannot be opened, or a newer slipway wrote it.
    """
    path = model_dir / LEDGER
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return Ledger()
    except OSError as error:
        raise LedgerError(f"{path} cannot be read: {error.strerror}.") from error
    *lines, torn = text.split(b"\n")
    entries: list[LedgerEntry] = []
    problems: list[str] = []
    previous: str | None = None
    for number, line in enumerate(lines, start=1):
        try:
            entry = decode_line(line)
        except FormatError as error:
            problems.append(f"line {number} of {LEDGER}: {error}")
        else:
            if entry.previous_sha256 != previous or entry.seq != number:
                problems.append(
                    f"line {number} of {LEDGER}: it does not follow the line before; "
                    "lines were changed, added or removed."
                )
            entries.append(entry)
        previous = hashlib.sha256(line).hexdigest()
    return Ledger(
        entries=tuple(entries),
        problems=tuple(problems),
        torn=torn,
        last_sha256=previous,
        num_lines=len(lines),
    )


def append_entry(model_dir: Path, change: ServedChange, author: Author) -> LedgerEntry:
    """Writes one line and syncs it; the caller holds change_lock.changing.

    A torn last line goes to ledger.torn first: nothing had moved for it.

    Raises:
        LedgerError: It cannot be written; nothing was moved.
    """
    ledger = read_ledger(model_dir)
    entry = LedgerEntry(
        seq=ledger.num_lines + 1,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        action=change.action,
        who=_readable(author.who),
        reason=_readable(author.reason),
        from_version=change.from_version,
        to_version=change.to_version,
        bundle_digest=change.bundle_digest,
        previous_sha256=ledger.last_sha256,
    )
    path = model_dir / LEDGER
    try:
        if ledger.torn:
            _write(model_dir / TORN, ledger.torn + b"\n")
            os.truncate(path, path.stat().st_size - len(ledger.torn))
        _write(path, encode_line(entry) + b"\n")
    except OSError as error:
        raise LedgerError(
            f"{path} cannot be written: {error.strerror or error}. Nothing was moved."
        ) from error
    return entry


def _readable(text: str) -> str:
    """Replaces what a terminal may send and UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode()


def encode_line(entry: LedgerEntry) -> bytes:
    """Returns an entry's line without the line feed."""
    document = {
        "format_version": entry.format_version,
        "seq": entry.seq,
        "at": entry.at,
        "action": entry.action,
        "who": entry.who,
        "reason": entry.reason,
        "from": entry.from_version,
        "to": entry.to_version,
        "bundle_digest": entry.bundle_digest,
        "previous_sha256": entry.previous_sha256,
    }
    text = json.dumps(document, ensure_ascii=True).encode()
    digest = hashlib.sha256(text).hexdigest()
    return text[:-1] + f', "sha256": "{digest}"}}'.encode()


def decode_line(line: bytes) -> LedgerEntry:
    """Reads one line without its line feed.

    Raises:
        FormatError: It is no entry, or was changed after it was written.
        LedgerError: A newer slipway wrote it.
    """
    document = parse_json(line) if line.strip() else {}
    version = document.get("format_version")
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise LedgerError(
            f"{LEDGER} has a line of format_version {version}; this slipway reads up "
            f"to {FORMAT_VERSION}. Upgrade slipway."
        )
    match = _OWN_DIGEST.fullmatch(line)
    if match is None:
        raise FormatError("it is no entry: it does not end with its sha256.")
    if hashlib.sha256(match[1] + b"}").hexdigest().encode() != match[2]:
        raise FormatError("it was changed after it was written.")
    fields = {name: value for name, value in document.items() if name != "sha256"}
    fields["from_version"] = fields.pop("from", None)
    fields["to_version"] = fields.pop("to", None)
    return decode(LedgerEntry, fields)


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


def sync_folder(folder: Path) -> None:
    """Makes sure that a crash finds the folder's names as they are now."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

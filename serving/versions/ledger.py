"""ledger.jsonl: who changed what is served, when, from what to what, and why.

One JSON object a line, in the order of writing:

    {"format_version": 1, "seq": 3, "at": "2026-11-21T12:00:00+00:00",
     "action": "rollback", "who": "ada@host", "reason": "late flights missed",
     "from": 7, "to": 5, "bundle_digest": "…", "previous_sha256": "…", "sha256": "…"}

A line is an intent: it is written and synced before anything moves, `from` is what the
folder served at that moment. So whether a change came through is told by the next
line's `from`, or by the folder. How lines are chained: serving/chained_lines.py.

Action "hold" is a push that changes nothing of what is served: `to` lies in held/ and
waits for a promotion.

A line's format_version is the first that knew its action: 2 for "hold", else 1. Readers
of later versions must read every format_version written before; a line of a newer
version than FORMAT_VERSION is refused.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Literal

from serving import chained_lines
from serving.bundle.strict_json import decode
from serving.chained_lines import ChainedLinesError
from serving.versions.errors import LedgerError

LEDGER = "ledger.jsonl"
FORMAT_VERSION = 2

Action = Literal["push", "promote", "rollback", "hold"]
# Action to the format_version that brought it.
_SINCE = {"hold": 2}


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
        to_version: What it shall serve; of a "hold", what is kept back.
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
    format_version: int = 1
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

    @property
    def last_change(self) -> LedgerEntry | None:
        """The newest entry that was to change what is served."""
        changes = (each for each in reversed(self.entries) if each.action != "hold")
        return next(changes, None)

    def pushed_digest(self, version: int) -> str | None:
        """Returns the bundle a version was pushed as; None if that is not known."""
        for entry in self.entries:
            is_push = entry.action in ("push", "hold")
            if is_push and entry.to_version == version:
                return entry.bundle_digest
        return None


def read_ledger(model_dir: Path) -> Ledger:
    """Reads the ledger; empty where there is none.

    Raises:
        LedgerError: It cannot be opened, or a newer slipway wrote it.
    """
    try:
        found = chained_lines.read_lines(model_dir / LEDGER, decode_line)
    except ChainedLinesError as error:
        raise LedgerError(str(error)) from error
    return Ledger(
        entries=found.entries,
        problems=found.problems,
        torn=found.torn,
        last_sha256=found.last_sha256,
        num_lines=found.num_lines,
    )


def append_entry(model_dir: Path, change: ServedChange, author: Author) -> LedgerEntry:
    """Writes one line and syncs it; the caller holds change_lock.changing.

    A torn last line goes to ledger.torn first: nothing had moved for it.

    Raises:
        LedgerError: It cannot be written; nothing was moved.
    """
    ledger = read_ledger(model_dir)
    entry = LedgerEntry(
        format_version=_SINCE.get(change.action, 1),
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
    try:
        chained_lines.append_line(model_dir / LEDGER, encode_line(entry), ledger.torn)
    except ChainedLinesError as error:
        raise LedgerError(f"{error} Nothing was moved.") from error
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
    return chained_lines.encode_line(document)


def decode_line(line: bytes) -> LedgerEntry:
    """Reads one line without its line feed.

    Raises:
        FormatError: It is no entry, or was changed after it was written.
        ChainedLinesError: A newer slipway wrote it.
    """
    fields = chained_lines.parse_line(line, LEDGER, FORMAT_VERSION)
    fields["from_version"] = fields.pop("from", None)
    fields["to_version"] = fields.pop("to", None)
    return decode(LedgerEntry, fields)

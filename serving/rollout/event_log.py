"""events.jsonl: every step and decision of the rollouts in a folder, with its numbers.

One JSON object a line, in the order of writing; how lines are chained, and how a torn
one is met: serving/chained_lines.py.

    {"format_version": 1, "seq": 4, "rollout": "flights-20261121T120000", "serial": 4,
     "event": "decided", "at": "2026-11-23T12:00:00+00:00", "who": "slipway rollout",
     "reason": "log_loss of the candidate minus …", "numbers": {…}, "state": {…},
     "previous_sha256": "…", "sha256": "…"}

A line is written and synced *before* rollout.json: `state` is what rollout.json shall
be. So a decision is never lost and never made twice: whoever comes after a crash puts
the last line's state in place and goes on from there.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from serving import chained_lines
from serving.bundle.strict_json import decode
from serving.chained_lines import ChainedLines, ChainedLinesError
from serving.rollout.advance import RolloutEvent
from serving.rollout.errors import RolloutError
from serving.rollout.state import RolloutState

EVENTS = "events.jsonl"
FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class EventEntry:
    """One line.

    Attributes:
        seq: 1 for the first line, then one more each.
        rollout: Its id.
        serial: Of the state.
        event: See RolloutEvent.name.
        at: ISO 8601, on the clock of the evidence.
        who: Who caused it.
        reason: One sentence.
        numbers: What it was decided on.
        state: The state after it.
        previous_sha256: SHA-256 of the line before; None in the first.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}
    format_version: int = FORMAT_VERSION
    seq: int
    rollout: str
    serial: int
    event: str
    at: str
    who: str
    reason: str
    numbers: dict[str, Any]
    state: RolloutState
    previous_sha256: str | None


def read_events(state_dir: Path) -> ChainedLines[EventEntry]:
    """Reads the events; empty where there are none.

    Raises:
        RolloutError: The file cannot be opened, or a newer slipway wrote it.
    """
    try:
        return chained_lines.read_lines(state_dir / EVENTS, decode_line)
    except ChainedLinesError as error:
        raise RolloutError(str(error)) from error


def append_event(
    state_dir: Path, state: RolloutState, event: RolloutEvent, who: str
) -> None:
    """Writes one line and syncs it; the caller holds the folder's lock.

    Raises:
        RolloutError: It cannot be written; nothing has changed.
    """
    before = read_events(state_dir)
    entry = EventEntry(
        seq=before.num_lines + 1,
        rollout=state.id,
        serial=state.serial,
        event=event.name,
        at=event.at,
        who=who,
        reason=event.reason,
        numbers=event.numbers,
        state=state,
        previous_sha256=before.last_sha256,
    )
    line = chained_lines.encode_line(dataclasses.asdict(entry))
    try:
        chained_lines.append_line(state_dir / EVENTS, line, before.torn)
    except ChainedLinesError as error:
        raise RolloutError(str(error)) from error


def decode_line(line: bytes) -> EventEntry:
    """Reads one line without its line feed.

    Raises:
        FormatError: It is no entry, or was changed after it was written.
        ChainedLinesError: A newer slipway wrote it.
    """
    return decode(EventEntry, chained_lines.parse_line(line, EVENTS, FORMAT_VERSION))

"""{work_dir}/retraining/ledger.jsonl: every decision about training again, and its end.

    {work_dir}/retraining/
        ledger.jsonl    chained lines (serving/chained_lines.py), of two kinds:
        .lock           held while somebody decides and writes
        .training       held for as long as a run that was decided here goes on

    {"format_version": 1, "seq": 7, "at": "…", "kind": "decision", "action": "run",
     "sentence": "Train: span 4 with 27,000 rows is new since run …", "by": "watch",
     "findings": […], "holds": [], "evidence": {…}, "policy": {…}, "overrides": {…}, …}
    {"format_version": 1, "seq": 8, "at": "…", "kind": "end", "decision_seq": 7,
     "run_id": "…", "state": "pushed", "reason": "pushed as version 4", …}

A decision to run is written and synced before the run starts: a run that was killed is
a decision without an end, and still counts for max_runs_per_day. Readers of later
versions must read every format_version written before.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Literal

from pipeline.run_record import WorkDir
from pipeline.settings_loader import ConfigError
from serving import chained_lines
from serving.bundle.strict_json import decode
from serving.chained_lines import ChainedLines, ChainedLinesError

FOLDER = "retraining"
LEDGER = "ledger.jsonl"
FORMAT_VERSION = 1

_STRICT = {"extra": "forbid"}


class RetrainingLedgerError(ConfigError):
    """The ledger cannot be read or written; no run was started."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DecisionEntry:
    """A decision.

    Attributes:
        seq: Its line.
        at: ISO 8601, UTC: the `now` that was decided with.
        action: "run", "held" or "no".
        sentence: The decision in plain words.
        by: Who asked: "watch", or user@host.
        findings, holds: See pipeline/retraining/decision.py.
        evidence: What was known: the spans and digests, the report's path, SHA-256
            and version, the runs it was compared with, starts in 24 hours.
        policy: The configuration's section.
        overrides: Settings of the run.
        previous_sha256: See serving/chained_lines.py.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    format_version: int = FORMAT_VERSION
    seq: int
    at: str
    kind: Literal["decision"] = "decision"
    action: Literal["run", "held", "no"]
    sentence: str
    by: str
    findings: list[dict[str, Any]]
    holds: list[dict[str, Any]]
    evidence: dict[str, Any]
    policy: dict[str, Any]
    overrides: dict[str, Any]
    previous_sha256: str | None

    @property
    def moment(self) -> datetime:
        """`at` as a datetime."""
        return datetime.fromisoformat(self.at)


@dataclass(frozen=True, kw_only=True, slots=True)
class EndEntry:
    """How a run that was decided here ended.

    Attributes:
        seq: Its line.
        at: ISO 8601, UTC.
        decision_seq: The decision's line.
        run_id: The run; "" where it was killed before it had one.
        state: As in pipeline/run_record.py, or "killed".
        reason: The state in one sentence.
        version: The version it pushed or found pushed; None: none.
        exit_code: What `slipway run` would exit with.
        previous_sha256: See serving/chained_lines.py.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    format_version: int = FORMAT_VERSION
    seq: int
    at: str
    kind: Literal["end"] = "end"
    decision_seq: int
    run_id: str
    state: str
    reason: str
    version: int | None
    exit_code: int
    previous_sha256: str | None


Entry = DecisionEntry | EndEntry


@dataclass(frozen=True, slots=True)
class RetrainingLedger:
    """The ledger of one work folder.

    Attributes:
        folder: `{work_dir}/retraining`.
    """

    folder: Path

    def read(self) -> ChainedLines[Entry]:
        """Reads it; empty where there is none.

        Raises:
            RetrainingLedgerError: It cannot be opened, or a newer slipway wrote it.
        """
        try:
            return chained_lines.read_lines(self.folder / LEDGER, _decode)
        except ChainedLinesError as error:
            raise RetrainingLedgerError(str(error)) from error

    def append(self, at: datetime, kind: str, fields: Mapping[str, Any]) -> int:
        """Writes one line and syncs it; the caller holds the folder's lock.

        Args:
            at: UTC.
            kind: "decision" or "end".
            fields: The entry's own fields, plain values.

        Returns:
            Its `seq`.

        Raises:
            RetrainingLedgerError: It cannot be written.
        """
        lines = self.read()
        seq = lines.num_lines + 1
        document = {
            "format_version": FORMAT_VERSION,
            "seq": seq,
            "at": at.isoformat(timespec="microseconds"),
            "kind": kind,
            **fields,
            "previous_sha256": lines.last_sha256,
        }
        line = chained_lines.encode_line(document)
        _decode(line)  # what cannot be read back must not be written
        try:
            chained_lines.append_line(self.folder / LEDGER, line, lines.torn)
        except ChainedLinesError as error:
            raise RetrainingLedgerError(f"{error} No run was started.") from error
        return seq


def ledger_of(work_dir: WorkDir) -> RetrainingLedger:
    """Returns the ledger of a work folder."""
    return RetrainingLedger(work_dir.path / FOLDER)


def open_starts(entries: tuple[Entry, ...]) -> list[DecisionEntry]:
    """Returns the decisions to run that have no end yet, oldest first."""
    ended = {entry.decision_seq for entry in entries if isinstance(entry, EndEntry)}
    return [
        entry
        for entry in entries
        if isinstance(entry, DecisionEntry)
        and entry.action == "run"
        and entry.seq not in ended
    ]


def plain(value: Any) -> Any:
    """Returns dataclasses, tuples and times as JSON has them."""
    return json.loads(json.dumps(value, default=_plain, allow_nan=False))


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} is no plain value")


def _decode(line: bytes) -> Entry:
    document = chained_lines.parse_line(line, LEDGER, FORMAT_VERSION)
    if document.get("kind") == "end":
        return decode(EndEntry, document)
    return decode(DecisionEntry, document)

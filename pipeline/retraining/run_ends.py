"""The end of runs in the ledger, also of those that did not live to write it."""

from datetime import datetime
from typing import Any

from pipeline.retraining.decision_ledger import (
    EndEntry,
    RetrainingLedger,
    open_starts,
)
from pipeline.run_record import RUNNING, RunRecord, WorkDir

KILLED = "killed"
_KILLED_EXIT_CODE = 137


def close_killed(ledger: RetrainingLedger, work_dir: WorkDir, now: datetime) -> None:
    """Writes the end of runs whose process was killed; nobody else is training.

    The run is the first one after the decision: none other of this ledger was going on.
    """
    entries = ledger.read().entries
    known = {entry.run_id for entry in entries if isinstance(entry, EndEntry)}
    for start in open_starts(entries):
        record = _first_run_after(work_dir, start.evidence["newest_run"], known)
        if record is None or record.state == RUNNING:
            write_end(
                ledger,
                start.seq,
                now,
                run_id=record.run_id if record else "",
                state=KILLED,
                reason="its process was killed; what is complete stays so",
                exit_code=_KILLED_EXIT_CODE,
            )
        else:
            write_end_of(ledger, start.seq, now, record)


def write_end_of(
    ledger: RetrainingLedger, seq: int, now: datetime, record: RunRecord
) -> None:
    """Writes how a run ended that has a record."""
    write_end(
        ledger,
        seq,
        now,
        run_id=record.run_id,
        state=record.state,
        reason=record.reason,
        exit_code=record.exit_code or 0,
        version=record.properties("pusher", "pushed_model").get("version"),
    )


def write_end(
    ledger: RetrainingLedger,
    seq: int,
    now: datetime,
    *,
    version: int | None = None,
    **fields: Any,
) -> None:
    """Writes the end of the run that line `seq` decided; fields are EndEntry's."""
    ledger.append(now, "end", {"decision_seq": seq, **fields, "version": version})


def _first_run_after(
    work_dir: WorkDir, run_id: str, known: set[str]
) -> RunRecord | None:
    """Returns the first run after one that no line of the ledger has ended."""
    later = [each for each in work_dir.run_ids() if each > run_id and each not in known]
    return work_dir.read(later[0]) if later else None

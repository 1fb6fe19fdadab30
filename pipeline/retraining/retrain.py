"""One round of retraining: gather, decide, write it down, run, write down the end.

The decision is in the ledger before the run starts, so nothing that happens to the
process gives away a run of the day.
"""

import dataclasses
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline import preflight
from pipeline.config import PipelineConfig, find_project_root, load_config
from pipeline.retraining.decision import Decision, decide
from pipeline.retraining.decision_ledger import (
    DecisionEntry,
    Entry,
    RetrainingLedger,
    ledger_of,
    plain,
)
from pipeline.retraining.evidence import Evidence, History, ReportFact
from pipeline.retraining.gather import gather_evidence, gather_history
from pipeline.retraining.holds import recent_starts
from pipeline.retraining.run_ends import close_killed, write_end, write_end_of
from pipeline.run_listener import RunListener
from pipeline.run_lock import preparing
from pipeline.run_pipeline import make_importable, prepare_spans, run_pipeline
from pipeline.run_record import FAILED, INTERRUPTED, RunRecord, WorkDir
from pipeline.source_digest import SourceSnapshot
from pipeline.work_dir import work_dir_for
from serving.versions.change_lock import changing

_TRAINING_LOCK = ".training"

Run = Callable[[Path, dict[str, Any], RunListener], RunRecord]
"""What trains: run_pipeline, or what stands around it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RetrainRequest:
    """Who asks for a decision, about what.

    Attributes:
        config_path: The pipeline's YAML file.
        overrides: Dotted settings laid over the file's.
        report: The monitor's report; None: there is none.
        asked: Why a person asks for a run; "": nobody does, the policy alone decides.
        by: Who asks for the decision, for the ledger.
        skip_repeated: Whether a decision that says what the last one said is left out
            of the ledger.
        clock: Tells the time in UTC; a replay has one of its own.
    """

    config_path: Path
    overrides: dict[str, Any] = field(default_factory=dict)
    report: ReportFact | None = None
    asked: str = ""
    by: str = "slipway retrain"
    skip_repeated: bool = False
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Retrained:
    """What came of it.

    Attributes:
        decision: The decision.
        seq: Its line in the ledger; None where it was not written.
        record: The run; None where none was started.
    """

    decision: Decision
    seq: int | None = None
    record: RunRecord | None = None


def rehearse(request: RetrainRequest) -> Decision:
    """Decides and changes nothing: no span is prepared, no line written, no run made.

    Raises:
        ConfigError: The configuration or the ledger cannot be used.
    """
    config = _effective_config(request)
    work_dir = work_dir_for(config)
    entries = ledger_of(work_dir).read().entries
    evidence = gather_evidence(
        config, work_dir, _sources(work_dir), request.report, request.asked
    )
    history = gather_history(work_dir, entries)
    return decide(config.retraining, evidence, history, request.clock())


def retrain(
    request: RetrainRequest, listener: RunListener, run: Run = run_pipeline
) -> Retrained:
    """Decides, and trains if that is the decision.

    Args:
        request: Who asks, about what.
        listener: Is told how a run goes on.
        run: What trains.

    Returns:
        The decision, and the finished run's record if there was one.

    Raises:
        ConfigError: The configuration or the ledger cannot be used; no run was made.
        VersionsError: Another decision did not end in time.
        Exception: Whatever the run raises, after its end is in the ledger.
    """
    config = _effective_config(request)
    work_dir = work_dir_for(config)
    ledger = ledger_of(work_dir)
    make_importable(find_project_root(request.config_path))
    if config.data.prepare is not None:
        preflight.check_config(config)
    with ExitStack() as held:
        with changing(ledger.folder):
            is_ours = held.enter_context(_training(ledger.folder))
            if is_ours:
                close_killed(ledger, work_dir, request.clock())
            with preparing(work_dir):
                prepare_spans(config, listener)
            decision, seq = _decide(request, config, ledger, is_ours=is_ours)
            if decision.action != "run":
                held.close()
        if decision.action != "run" or seq is None:
            return Retrained(decision=decision, seq=seq)
        overrides = {**request.overrides, **decision.overrides}
        record = _train(request, overrides, seq, (ledger, work_dir), listener, run)
        return Retrained(decision=decision, seq=seq, record=record)


def _sources(work_dir: WorkDir) -> SourceSnapshot:
    return SourceSnapshot(work_dir.cache / "imports.json")


def _effective_config(request: RetrainRequest) -> PipelineConfig:
    """Returns the configuration as a run would have it, but for its spans."""
    config = load_config(request.config_path, request.overrides)
    warm_start = config.retraining.warm_start
    if warm_start is None:
        return config
    overrides = {**request.overrides, "train.warm_start": warm_start}
    return load_config(request.config_path, overrides)


def _decide(
    request: RetrainRequest,
    config: PipelineConfig,
    ledger: RetrainingLedger,
    *,
    is_ours: bool,
) -> tuple[Decision, int | None]:
    """Decides and writes it down; returns the line, None where it was left out."""
    work_dir = work_dir_for(config)
    sources = _sources(work_dir)
    evidence = gather_evidence(config, work_dir, sources, request.report, request.asked)
    sources.save()
    if not is_ours and not evidence.going_on:
        starting = "that another slipway is starting"
        evidence = dataclasses.replace(evidence, going_on=(starting,))
    entries = ledger.read().entries
    history = gather_history(work_dir, entries)
    now = request.clock()
    decision = decide(config.retraining, evidence, history, now)
    fields = {
        "action": decision.action,
        "sentence": decision.sentence,
        "by": request.by,
        "findings": plain(decision.findings),
        "holds": plain(decision.holds),
        "evidence": {
            **evidence_document(evidence, history, now),
            "newest_run": max(work_dir.run_ids(), default=""),
        },
        "policy": plain(config.retraining),
        "overrides": plain(decision.overrides),
    }
    may_skip = request.skip_repeated and decision.action != "run"
    if may_skip and _says_the_same(entries, fields):
        return decision, None
    return decision, ledger.append(now, "decision", fields)


def evidence_document(
    evidence: Evidence, history: History, now: datetime
) -> dict[str, Any]:
    """Returns what a decision knew, as the ledger keeps it.

    Windows and values stand in the findings; here is where they come from.
    """
    report, blessed = evidence.report, history.last_blessed
    return {
        "spans": plain(evidence.spans),
        "data_digest": evidence.data_digest,
        "code_digest": evidence.code_digest,
        "report": None
        if report is None
        else {
            "path": report.path,
            "sha256": report.sha256,
            "created_at": report.created_at.isoformat(),
            "version": report.version,
            "windows": len(report.windows),
        },
        "going_on": list(evidence.going_on),
        "last_blessed_run": blessed.run_id if blessed else None,
        "refused_runs": [run.run_id for run in history.refused],
        "starts_in_24_h": len(recent_starts(history.starts, now)),
    }


def _says_the_same(entries: tuple[Entry, ...], fields: dict[str, Any]) -> bool:
    last = entries[-1] if entries else None
    return isinstance(last, DecisionEntry) and all(
        getattr(last, name) == value for name, value in fields.items()
    )


def _train(
    request: RetrainRequest,
    overrides: dict[str, Any],
    seq: int,
    kept: tuple[RetrainingLedger, WorkDir],
    listener: RunListener,
    run: Run,
) -> RunRecord:
    ledger, work_dir = kept
    known = frozenset(work_dir.run_ids())
    try:
        record = run(request.config_path, overrides, listener)
    except (Exception, KeyboardInterrupt) as error:
        is_interrupted = isinstance(error, KeyboardInterrupt)
        fresh = [run_id for run_id in work_dir.run_ids() if run_id not in known]
        with changing(ledger.folder):
            write_end(
                ledger,
                seq,
                request.clock(),
                run_id=fresh[-1] if fresh else "",
                state=INTERRUPTED if is_interrupted else FAILED,
                reason=str(error) or type(error).__name__,
                exit_code=getattr(error, "exit_code", 1),
            )
        raise
    with changing(ledger.folder):
        write_end_of(ledger, seq, request.clock(), record)
    return record


@contextmanager
def _training(folder: Path) -> Iterator[bool]:
    """Holds the right to train until left or until the process dies.

    Yields:
        False where another process trains.
    """
    handle = os.open(
        folder / _TRAINING_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666
    )
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)

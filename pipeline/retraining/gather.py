"""Collects evidence and history from the work folder and the spans; decides nothing."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from data.spans import content_digest, list_spans, load_manifest
from pipeline.code_digest import code_digest
from pipeline.config import PipelineConfig
from pipeline.retraining.decision_ledger import DecisionEntry, EndEntry, Entry
from pipeline.retraining.evidence import (
    Evidence,
    History,
    PastRun,
    ReportFact,
    SpanFact,
)
from pipeline.run_liveness import is_going_on
from pipeline.run_record import INTERRUPTED, RUNNING, RunRecord, WorkDir
from pipeline.source_digest import SourceSnapshot


def gather_evidence(
    config: PipelineConfig,
    work_dir: WorkDir,
    sources: SourceSnapshot,
    report: ReportFact | None,
    asked: str,
) -> Evidence:
    """Returns what is known now.

    Args:
        config: As the run would have it, but for its spans.
        work_dir: Where runs are looked for.
        sources: The sources as they are.
        report: The monitor's, if there is one.
        asked: Why a person asks; "": nobody does.

    Raises:
        DataContractError: A span or its manifest cannot be used.
    """
    spans = select_spans(config)
    return Evidence(
        spans=spans,
        data_digest=content_digest((span.span, span.digest) for span in spans),
        code_digest=code_digest(config, sources),
        report=report,
        going_on=tuple(
            record.run_id
            for record in work_dir.list_runs()
            if record.state == RUNNING and is_going_on(work_dir, record)
        ),
        asked=asked,
    )


def select_spans(config: PipelineConfig) -> tuple[SpanFact, ...]:
    """Returns the spans a run would read: data.spans, then the rolling window."""
    base, layout = Path(config.data.input_base), config.data.layout()
    available = list_spans(base, layout) if base.is_dir() else []
    chosen = config.data.spans.select(available)
    if config.retraining.window_spans is not None:
        chosen = chosen[-config.retraining.window_spans :]
    manifests = [load_manifest(base, span, layout) for span in chosen]
    return tuple(
        SpanFact(span=found.span, digest=found.digest, num_rows=found.num_rows)
        for found in manifests
    )


def gather_history(work_dir: WorkDir, entries: tuple[Entry, ...]) -> History:
    """Returns earlier runs, whoever started them, and the starts of the ledger.

    A run that was decided here began, by the decisions' clock, when it was decided.
    """
    starts = {
        entry.seq: entry.moment
        for entry in entries
        if isinstance(entry, DecisionEntry) and entry.action == "run"
    }
    decided = {
        entry.run_id: starts[entry.decision_seq]
        for entry in entries
        if isinstance(entry, EndEntry) and entry.decision_seq in starts
    }
    runs = [
        past_run(record)
        for record in work_dir.list_runs()
        if not record.selection and not is_going_on(work_dir, record)
    ]
    return History(
        runs=tuple(
            replace(run, started_at=decided.get(run.run_id, run.started_at))
            for run in runs
        ),
        starts=tuple(starts.values()),
    )


def past_run(record: RunRecord) -> PastRun:
    """Returns a run that is over; one whose process was killed was interrupted."""
    digests = record.span_digests
    ordered = [(span, digests[str(span)]) for span in record.spans if digests]
    return PastRun(
        run_id=record.run_id,
        started_at=_utc(record.started_at),
        state=INTERRUPTED if record.state == RUNNING else record.state,
        reason=record.reason,
        span_digests=frozenset(digests.values()),
        data_digest=content_digest(ordered) if ordered else "",
        code_digest=record.code_digest,
    )


def _utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

"""The ledger in plain words, newest first: `slipway why retrain`."""

from collections.abc import Iterator
from typing import Any

from pipeline.retraining.decision_ledger import DecisionEntry, EndEntry, Entry
from serving.chained_lines import ChainedLines

_SHORT_DIGEST = 12
_HEADS = {"run": "trained", "held": "held back", "no": "no"}


def ledger_in_words(lines: ChainedLines[Entry], last: int) -> Iterator[str]:
    """Yields lines of text for the newest decisions, and what is wrong with the file.

    Args:
        lines: The ledger.
        last: Decisions at most, >= 1.
    """
    ends = {
        entry.decision_seq: entry
        for entry in lines.entries
        if isinstance(entry, EndEntry)
    }
    decisions = [entry for entry in lines.entries if isinstance(entry, DecisionEntry)]
    for problem in lines.problems:
        yield f"The ledger was changed after it was written: {problem}"
    if lines.torn:
        yield "The ledger's last line was cut off while it was written."
    if not decisions:
        yield "Nobody has asked yet whether to train again. Ask: slipway retrain."
    for entry in reversed(decisions[-last:]):
        yield from _decision_in_words(entry, ends.get(entry.seq))
    if len(decisions) > last:
        yield f"… and {len(decisions) - last:,} earlier decisions: --last N shows more."


def _decision_in_words(entry: DecisionEntry, end: EndEntry | None) -> Iterator[str]:
    yield (
        f"{entry.moment:%Y-%m-%d %H:%M} UTC  {_HEADS[entry.action]}  "
        f"(line {entry.seq}, {entry.by})"
    )
    yield f"  {entry.sentence}"
    for finding in entry.findings:
        yield f"    {finding['trigger']}, {finding['state']}: {finding['sentence']}"
    yield from (f"    {line}" for line in _evidence_in_words(entry))
    if entry.action == "run":
        yield f"  {_end_in_words(end)}"


def _evidence_in_words(entry: DecisionEntry) -> Iterator[str]:
    evidence = entry.evidence
    spans = evidence["spans"]
    if spans:
        names = _range([span["span"] for span in spans])
        rows = sum(span["num_rows"] for span in spans)
        yield (
            f"data: span {names}, {rows:,} rows, digest "
            f"{evidence['data_digest'][:_SHORT_DIGEST]}; code "
            f"{evidence['code_digest'][:_SHORT_DIGEST]}"
        )
    if evidence["report"]:
        yield _report_in_words(evidence["report"])
    blessed = evidence["last_blessed_run"]
    yield (
        f"before: {f'last blessed run {blessed}' if blessed else 'no blessed run'}, "
        f"{len(evidence['refused_runs'])} refused since; "
        f"{evidence['starts_in_24_h']} of {entry.policy['max_runs_per_day']} starts in "
        "24 hours"
    )


def _report_in_words(report: dict[str, Any]) -> str:
    return (
        f"report: {report['path'] or 'the monitor, just now'}, SHA-256 "
        f"{report['sha256'][:_SHORT_DIGEST]}, {report['windows']} windows of version "
        f"{report['version']}"
    )


def _end_in_words(end: EndEntry | None) -> str:
    if end is None:
        return "The run is going on, or its process was killed."
    which = f"run {end.run_id}" if end.run_id else "the run"
    return f"Then {which}: {end.state}, {end.reason}."


def _range(spans: list[int]) -> str:
    return f"{spans[0]} to {spans[-1]}" if len(spans) > 1 else f"{spans[0]}"

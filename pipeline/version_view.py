"""Shows the versions of a model: as a table for people, as JSON for machines."""

import dataclasses
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from serving.versions.ledger import LedgerEntry
from serving.versions.report import VersionFacts, VersionReport

_STYLES = {"served": "bold green", "visible": "", "held": "dim"}
_DIGEST_DIGITS = 12


def print_versions(console: Console, report: VersionReport) -> None:
    """Prints a line a version, then what does not fit together."""
    table = Table(title=str(report.model_dir), title_justify="left", box=None)
    table.add_column("version", justify="right")
    table.add_column("")
    for heading in ("pushed", "run"):
        table.add_column(heading, no_wrap=True)
    table.add_column("metric", justify="right", no_wrap=True)
    table.add_column("rows", justify="right", no_wrap=True)
    table.add_column("bundle", no_wrap=True)
    table.add_column("last change", overflow="fold")
    for facts in report.versions:
        table.add_row(*_cells(facts), style=_STYLES[facts.place])
    console.print(table)
    for note in report.notes:
        console.print(Text(f"! {note}", style="yellow"))


def print_ledger(console: Console, report: VersionReport) -> None:
    """Prints a line an entry, oldest first, then what does not fit together."""
    table = Table(box=None)
    table.add_column("", justify="right")
    for heading in ("at", "action", "from", "to", "bundle", "who"):
        table.add_column(heading, no_wrap=True)
    table.add_column("reason", overflow="fold")
    for entry in report.ledger.entries:
        table.add_row(
            str(entry.seq),
            _minutes(entry.at),
            entry.action,
            str(entry.from_version or "-"),
            str(entry.to_version),
            entry.bundle_digest[:_DIGEST_DIGITS],
            Text(entry.who),
            Text(entry.reason),
        )
    console.print(table)
    for note in report.notes:
        console.print(Text(f"! {note}", style="yellow"))


def versions_as_json(report: VersionReport) -> dict[str, Any]:
    """Returns the report as plain values."""
    return {
        "format_version": 1,
        "model_dir": str(report.model_dir),
        "served": report.served,
        "versions": [_facts_as_json(facts) for facts in report.versions],
        "notes": list(report.notes),
    }


def ledger_as_json(report: VersionReport) -> dict[str, Any]:
    """Returns the ledger as plain values, named as in its lines."""
    return {
        "format_version": 1,
        "model_dir": str(report.model_dir),
        "served": report.served,
        "entries": [_entry_as_json(entry) for entry in report.ledger.entries],
        "notes": list(report.notes),
    }


def _cells(facts: VersionFacts) -> tuple[str | Text, ...]:
    entry = facts.last_entry
    change = Text()
    if entry:
        arrow = f"{entry.from_version or '-'} → {entry.to_version}"
        change.append(f"{entry.action} {arrow} {_minutes(entry.at)} {entry.who}")
        change.append(f": {entry.reason}" if entry.reason else "")
    if facts.sealed is None:
        return (str(facts.version), facts.place, "?", "?", "", "", "", change)
    contract, metric = facts.sealed.contract, facts.main_metric
    value = metric.value if metric else None
    return (
        str(facts.version),
        facts.place,
        _minutes(contract.model.pushed_at),
        contract.run.run_id,
        f"{metric.name} {value:.4f}" if metric and value is not None else "n/a",
        f"{facts.num_rows:,}",
        facts.sealed.digest[:_DIGEST_DIGITS],
        change,
    )


def _minutes(moment: str) -> str:
    """Returns 2026-11-21 12:00 of an ISO 8601 time."""
    return moment[:16].replace("T", " ")


def _facts_as_json(facts: VersionFacts) -> dict[str, Any]:
    sealed, metric, entry = facts.sealed, facts.main_metric, facts.last_entry
    return {
        "version": facts.version,
        "place": facts.place,
        "path": str(facts.path),
        "pushed_at": sealed.contract.model.pushed_at if sealed else None,
        "run_id": sealed.contract.run.run_id if sealed else None,
        "metric": dataclasses.asdict(metric) if metric else None,
        "num_rows": facts.num_rows,
        "bundle_digest": sealed.digest if sealed else None,
        "problem": facts.problem,
        "last_entry": _entry_as_json(entry) if entry else None,
    }


def _entry_as_json(entry: LedgerEntry) -> dict[str, Any]:
    values = dataclasses.asdict(entry)
    values["from"] = values.pop("from_version")
    values["to"] = values.pop("to_version")
    return values

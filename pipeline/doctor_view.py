"""Renders the report of `slipway doctor` for a terminal."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.doctor import Report

_MARKS = {
    "ok": ("✓", "green"),
    "warn": ("!", "yellow"),
    "missing": ("✗", "red"),
}


def render(report: Report) -> RenderableType:
    """Returns one table of all findings and, under it, the verdict in words."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for column in ("mark", "name", "value", "note"):
        table.add_column(column, no_wrap=column != "note", overflow="fold")
    for group in report.groups:
        table.add_row("", Text(group.title, style="bold"))
        for finding in group.findings:
            mark, style = _MARKS[finding.status]
            # Text, not str: "apache-beam[gcp]" is no markup.
            table.add_row(
                Text(mark, style),
                Text(finding.name),
                Text(finding.value),
                Text(finding.note, "dim"),
            )
        table.add_row()
    return Group(table, _verdict(report))


def _verdict(report: Report) -> Text:
    if report.can_run_main_job:
        return Text("This machine can run the pipeline.", "bold green")
    verdict = Text("This machine cannot run the pipeline:", "bold red")
    for reason in report.reasons:
        verdict.append(f"\n- {reason}", "default not bold")
    return verdict

"""What a person sees of a replay: a line an event, a line a month, a closing table."""

import time
from datetime import date

from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.year_replayed.year_page import measured, month_name
from benchmarks.year_replayed.year_record import YearEvent, YearRecord
from benchmarks.year_replayed.year_summary import YearSummary
from pipeline.run_record import NodeResult

_MARKS = {
    "deployed": ("▲", "bold green"),
    "trained": ("✓", "green"),
    "decision": ("·", "cyan"),
    "canary": ("▸", "blue"),
    "rollback": ("▼", "bold red"),
    "alarm": ("!", "yellow"),
    "fault": ("✗", "bold magenta"),
    "gate": ("■", "red"),
    "repair": ("+", "green"),
}
_CAUSE_WIDTH = 150


class YearTerminal:
    """Prints as a replay goes on; is told of the pipeline's runs, too."""

    def __init__(self, console: Console) -> None:
        """Nothing has happened yet."""
        self._console = console
        self._began = time.monotonic()
        self._month = 0
        self._rows_before = 0
        self._status = console.status("the flights of 2013 are prepared")
        self._status.start()

    def close(self) -> None:
        """Ends the line that moves."""
        self._status.stop()

    def on_event(self, event: YearEvent) -> None:
        """Prints a line."""
        mark, style = _MARKS[event.kind]
        line = Text(f"{self._clock()} {event.day:%d %b} ")
        line.append(f"{mark} {event.title}", style)
        line.append(f"  {_short(event.cause)}", "dim")
        self._console.print(line, soft_wrap=True)

    def on_day(self, day: date, record: YearRecord) -> None:
        """Moves the clock; prints a line when a month is over."""
        self._status.update(f"{day:%d %B}: {record.num_rows:,} rows served")
        if self._month and day.month != self._month:
            num_rows = record.num_rows - self._rows_before
            self._rows_before = record.num_rows
            self._console.print(
                f"{self._clock()} [bold]{month_name(self._month)}[/] served: "
                f"{num_rows:,} rows, {record.num_requests:,} requests so far"
            )
        self._month = day.month

    def on_nodes(self, node_ids: list[str]) -> None:
        """Says nothing."""

    def on_start(self, node_id: str) -> None:
        """Shows the node."""
        self._status.update(f"training: {node_id}")

    def on_tick(self) -> None:
        """Says nothing."""

    def on_end(self, result: NodeResult) -> None:
        """Says nothing."""

    def _clock(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        return f"{minutes:2}:{seconds:02}"


def print_summary(console: Console, summary: YearSummary) -> None:
    """Prints quality by month, the faults, and the verdict."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("month")
    for heading in ("late", "AUC renewed", "never renewed", "difference"):
        table.add_column(heading, justify="right")
    for one in (*summary.months, summary.mean):
        table.add_row(
            month_name(one.month),
            f"{one.late_share:.1%}",
            measured(one.renewed["auc"]),
            measured(one.never["auc"]),
            measured(one.gain["auc"], "+.4f"),
            style="" if one.month else "bold",
        )
    console.print()
    console.print(table)
    console.print()
    for fault in summary.record.faults:
        mark, style = ("✓", "green") if fault.is_caught else ("✗", "bold red")
        console.print(
            Text(f"{mark} {fault.name}: ", style).append(
                f"{fault.caught_by or 'not caught'}, after {fault.num_requests:,} "
                f"requests, {fault.num_rows:,} rows; {fault.consequence}",
                "default",
            ),
            soft_wrap=True,
        )
    spent = ", ".join(f"{what} {s:.0f} s" for what, s in summary.record.wall_s.items())
    console.print(f"[dim]{spent}[/]")
    verdict = "good" if summary.is_good else "NOT good"
    console.print(f"the year is {verdict}", style="green" if summary.is_good else "red")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _CAUSE_WIDTH else f"{line[: _CAUSE_WIDTH - 1]}…"

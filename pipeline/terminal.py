"""What a person sees of a run: progress while it goes on, tables when it ends."""

import shutil
import time
from collections.abc import Iterable, Mapping

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pipeline import run_record
from pipeline.outcome import MetricLine, Outcome
from pipeline.run_record import NodeResult, RunRecord

_MARKS = {
    "done": ("✓", "green"),
    "cached": ("=", "cyan"),
    "reused": ("=", "blue"),
    "failed": ("✗", "red"),
    "interrupted": ("!", "yellow"),
    "not run": ("·", "dim"),
    "running": ("▸", "bold"),
}
_STATE_STYLES = {
    run_record.PUSHED: "bold green",
    run_record.UNCHANGED: "bold green",
    run_record.PARTIAL: "bold green",
    run_record.NOT_BLESSED: "bold yellow",
    run_record.RUNNING: "bold",
}
_MIB = 1024**2
_MAX_NOTES = 12


class Progress:
    """Shows a run node by node: live on a terminal, a line a node elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._results: dict[str, NodeResult] = {}
        self._started: dict[str, float] = {}
        self._began = time.monotonic()
        self._live = (
            Live(console=console, auto_refresh=False) if console.is_terminal else None
        )
        self._last_refresh = 0.0

    def __enter__(self) -> "Progress":
        """Takes over the lower part of the terminal."""
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leaves the last state on the screen."""
        if self._live:
            self._refresh()
            self._live.stop()

    def on_nodes(self, node_ids: list[str]) -> None:
        """Lists the nodes to come."""
        for node_id in node_ids:
            self._results.setdefault(
                node_id, NodeResult(node_id=node_id, state="not run")
            )
        self._refresh()

    def on_start(self, node_id: str) -> None:
        """Starts a node's clock."""
        self._started[node_id] = time.monotonic()
        self._results[node_id] = NodeResult(node_id=node_id, state="running")
        self._refresh()

    def on_tick(self) -> None:
        """Moves the clocks on."""
        if time.monotonic() - self._last_refresh > 0.2:  # noqa: PLR2004 - five a second
            self._refresh()

    def on_end(self, result: NodeResult) -> None:
        """Shows how a node ended."""
        self._results[result.node_id] = result
        if self._live:
            self._refresh()
        else:
            mark, _ = _MARKS[result.state]
            self._console.print(
                f"{mark} {result.node_id:<20} {result.state:<8} {result.wall_s:6.1f} s",
                highlight=False,
            )

    def _refresh(self) -> None:
        if not self._live:
            return
        self._last_refresh = time.monotonic()
        table = Table.grid(padding=(0, 2))
        for result in self._results.values():
            table.add_row(*self._row(result))
        elapsed = time.monotonic() - self._began
        heading = Text(f"{elapsed:.0f} s", style="dim")
        self._live.update(Group(table, heading), refresh=True)

    def _row(self, result: NodeResult) -> tuple[RenderableType, ...]:
        mark, style = _MARKS[result.state]
        wall_s = result.wall_s
        if result.state == "running":
            wall_s = time.monotonic() - self._started[result.node_id]
        clock = "" if result.state == "not run" else f"{wall_s:.1f} s"
        return (
            Text(mark, style=style),
            Text(result.node_id, style=style),
            Text("" if result.state in ("not run", "done") else result.state, style),
            Text(clock, justify="right"),
        )


def print_outcome(console: Console, record: RunRecord, outcome: Outcome) -> None:
    """Prints the closing tables: nodes, rows, metrics, verdict, what to do next."""
    console.print()
    console.print(_node_table(record))
    if outcome.rows:
        console.print(_row_sentence(record, outcome))
    if outcome.metrics:
        console.print(_metric_table(outcome))
    _print_notes(console, outcome.notes)
    _print_checks(console, outcome.checks)
    style = _STATE_STYLES.get(record.state, "bold red")
    console.print(Text(f"{record.state.upper()}", style=style), end="  ")
    console.print(Text(record.reason))
    for problem in record.exit_problems:
        console.print(Text(f"on_exit {problem}", style="yellow"))
    for line in _next_steps(record, outcome):
        console.print(Text(line), soft_wrap=True)


def _node_table(record: RunRecord) -> Table:
    table = Table(title=f"run {record.run_id}", title_justify="left", box=None)
    for heading, justify in (
        ("node", "left"),
        ("", "left"),
        ("time", "right"),
        ("memory", "right"),
    ):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for node in record.nodes:
        mark, style = _MARKS[node.state]
        memory = node.peak_memory_bytes
        table.add_row(
            node.node_id,
            Text(f"{mark} {node.state}", style=style),
            f"{node.wall_s:.1f} s" if node.state != "not run" else "",
            f"{memory / _MIB:,.0f} MiB" if memory else "",
        )
    table.add_row("all", "", f"{record.wall_s:.1f} s", "", style="bold")
    return table


def _row_sentence(record: RunRecord, outcome: Outcome) -> Text:
    rows = outcome.rows
    spans = record.spans
    which = f"{spans[0]} to {spans[-1]}" if len(spans) > 1 else f"{spans[0]}"
    return Text(
        f"\nrows    {rows['rows']:,} read from span {which}; {rows['unlabelled']:,} "
        f"have no label and were left out; {_left_out(rows)}"
        f"{rows['train_rows']:,} to train, {rows['eval_rows']:,} to evaluate"
    )


def _left_out(rows: Mapping[str, int]) -> str:
    """Says how many rows the filter and the quarantine took; often nothing."""
    parts = [
        ("filtered", "do not pass data.where"),
        ("quarantined", "cannot be read and lie in the examples' quarantine/"),
    ]
    return "".join(f"{rows[name]:,} {what}; " for name, what in parts if rows.get(name))


def _metric_table(outcome: Outcome) -> Table:
    table = Table(title="\nall evaluation rows", title_justify="left", box=None)
    percent = f"{outcome.confidence:.0%} interval"
    for heading in ("metric", "model", percent, "baseline", "change"):
        table.add_column(heading, justify="left" if heading == "metric" else "right")
    for line in outcome.metrics:
        table.add_row(line.metric, *_metric_cells(line))
    return table


def _metric_cells(line: MetricLine) -> tuple[str, str, str, str]:
    number = ",.0f" if line.metric == "example_count" else ".4f"
    value = "n/a" if line.value is None else format(line.value, number)
    interval = ""
    if line.interval:
        low, high, method = line.interval
        interval = f"{low:.4f} to {high:.4f} ({method})"
    if line.baseline is None or line.value is None:
        return value, interval, "", ""
    change = line.value - line.baseline
    return value, interval, format(line.baseline, number), format(change, "+" + number)


def _print_notes(console: Console, notes: Iterable[str]) -> None:
    listed = list(notes)
    if not listed:
        return
    console.print("\nto know", style="bold")
    for note in listed[:_MAX_NOTES]:
        console.print(Text(f"  - {note}"))
    if len(listed) > _MAX_NOTES:
        console.print(f"  … and {len(listed) - _MAX_NOTES} more")


def _print_checks(console: Console, checks: Iterable[tuple[str, bool]]) -> None:
    listed = list(checks)
    if not listed:
        return
    met = sum(is_met for _, is_met in listed)
    console.print(f"\nverdict  {met} of {len(listed)} bounds met", style="bold")
    failed = [sentence for sentence, is_met in listed if not is_met]
    for sentence in failed[:_MAX_NOTES]:
        console.print(Text(f"  ✗ {sentence}", style="red"))
    if not failed:
        console.print(Text(f"  ✓ {listed[0][0]}", style="green"))
    console.print()


def _next_steps(record: RunRecord, outcome: Outcome) -> list[str]:
    lines = []
    if outcome.model_path:
        base_path = outcome.model_path.rsplit("/", 1)[0]
        lines.append(f"model   {outcome.model_path}")
        lines.append(f"check   slipway verify {outcome.model_path}")
        if base_path.endswith("/held"):
            version = outcome.model_path.rsplit("/", 1)[1]
            lines.append(f"promote slipway promote {version} {record.pipeline}")
        lines.append(
            f"serve   tensorflow_model_server --rest_api_port=8501 "
            f"--model_name={record.pipeline} --model_base_path={base_path}"
        )
    failed = next((node for node in record.nodes if node.state == "failed"), None)
    if failed:
        lines.append(f"log     slipway show {record.run_id} --log {failed.node_id}")
    lines.append(f"again   slipway show {record.run_id}")
    return lines


def print_slices(console: Console, outcome: Outcome) -> None:
    """Prints every slice's rows, share of positives and main metrics."""
    columns = (
        "example_count",
        "mean_label",
        "auc",
        "calibration",
        "binary_crossentropy",
    )
    table = Table(box=None)
    table.add_column("slice")
    for column in columns:
        table.add_column(column, justify="right")
    for name, metrics in outcome.slices.items():
        cells = [metrics.get(column) for column in columns]
        rows, *others = ["n/a" if cell is None else cell for cell in cells]
        table.add_row(
            name,
            f"{rows:,.0f}" if isinstance(rows, float) else str(rows),
            *[
                f"{cell:.4f}" if isinstance(cell, float) else str(cell)
                for cell in others
            ],
        )
    console.print(table)


def print_runs(console: Console, records: list[RunRecord]) -> None:
    """Prints one line a run, newest last."""
    table = Table(box=None)
    for heading in ("run", "state", "spans", "time", "reason"):
        table.add_column(heading, overflow="fold")
    for record in records:
        state = "killed" if record.is_abandoned() else record.state
        spans = record.spans
        which = f"{spans[0]}-{spans[-1]}" if spans else ""
        table.add_row(
            record.run_id,
            Text(state, style=_STATE_STYLES.get(state, "bold red")),
            which,
            f"{record.wall_s:.0f} s",
            record.reason,
        )
    console.print(table)


def make_console() -> Console:
    """Returns a console that does not wrap at 80 columns where there is no terminal."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=max(120, shutil.get_terminal_size().columns))
    return console

"""What benchmarks.serving prints and writes."""

import datetime
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.load_generators import Load

MANY_ROWS = 32
MANY_CONNECTIONS = 64
LIMIT_BATCH = 64


@dataclass(frozen=True, kw_only=True)
class Way:
    """One server, measured.

    Attributes:
        name: What it is.
        loads: One row and one connection, one row and many, many rows and many
            connections, gRPC with many connections; None: not offered.
        many_cpu_us: Microseconds of the server's CPU a request in every turn of `many`,
            the least first; `many` is the turn in the middle.
        turn_ns: The machine's pace before and after the loads; see machine_pace.
    """

    name: str
    one: Load
    many: Load
    many_cpu_us: tuple[float, ...]
    rows: Load
    turn_ns: tuple[float, float]
    grpc: Load | None = None

    @property
    def examples_per_s(self) -> float:
        """Rows a second where every request has many."""
        return self.rows.requests_per_s * MANY_ROWS


def findings(ways: Sequence[Way], limit: dict[int, float]) -> list[str]:
    """Returns what the figures say, one sentence each."""
    ours, fastapi = ways[0], ways[-1]
    times = ours.many.requests_per_s / fastapi.many.requests_per_s
    sentences = [
        (
            f"{ours.many.requests_per_s:,.0f} requests/s at {MANY_CONNECTIONS} "
            f"connections: {times:,.0f} times {fastapi.name}."
        ),
        (
            f"{ours.many_cpu_us[0]:.0f} µs of CPU a request in the least disturbed of "
            f"{len(ours.many_cpu_us)} turns, {ours.many.cpu_us:.0f} in the median one, "
            f"{ours.many_cpu_us[-1]:.0f} in the worst."
        ),
        f"{ours.one.p50_ms:.2f} ms median at one connection.",
        *(_rows_sentence(way, limit[LIMIT_BATCH]) for way in ways[:2]),
        "The callable alone: "
        + ", ".join(f"{rate:,.0f} rows/s by {size}" for size, rate in limit.items())
        + ".",
    ]
    if ours.grpc is not None:
        sentences.append(
            f"{ours.grpc.requests_per_s:,.0f} gRPC requests/s at {MANY_CONNECTIONS} "
            f"connections, {ours.grpc.cpu_us:.0f} µs of CPU each."
        )
    failed = sum(load.failed for way in ways for load in (way.one, way.many, way.rows))
    failed += ours.grpc.failed if ours.grpc else 0
    sentences.append(f"{failed} requests failed.")
    paces = [
        f"{way.name} {way.turn_ns[0]:.0f} and {way.turn_ns[1]:.0f} ns" for way in ways
    ]
    sentences.append(
        "A turn of an empty Python loop before and after each server's loads: "
        f"{', '.join(paces)}. Where these differ, the machine was slower for one."
    )
    return sentences


def _rows_sentence(way: Way, limit: float) -> str:
    return (
        f"{way.name}: {way.examples_per_s:,.0f} rows/s with {MANY_ROWS} rows a "
        f"request, {way.examples_per_s / limit:.0%} of the callable's {limit:,.0f} in "
        f"one process with ready arrays, {LIMIT_BATCH} rows a call."
    )


_COLUMNS: tuple[tuple[str, Callable[[Way], str]], ...] = (
    ("c=1 req/s", lambda way: f"{way.one.requests_per_s:,.0f}"),
    ("p50 ms", lambda way: f"{way.one.p50_ms:.2f}"),
    ("c=64 req/s", lambda way: f"{way.many.requests_per_s:,.0f}"),
    ("p50 ms", lambda way: f"{way.many.p50_ms:.1f}"),
    ("p99 ms", lambda way: f"{way.many.p99_ms:.1f}"),
    ("CPU µs a request", lambda way: f"{way.many.cpu_us:,.0f}"),
    ("rows/s, 32 a request", lambda way: f"{way.examples_per_s:,.0f}"),
)


def print_table(ways: Sequence[Way], lines: Sequence[str]) -> None:
    """Prints all ways and what they say."""
    table = Table("", box=None)
    for heading, _ in _COLUMNS:
        table.add_column(heading, justify="right")
    for way in ways:
        table.add_row(way.name, *(show(way) for _, show in _COLUMNS))
    console = Console(width=120)
    console.print(table)
    for line in lines:
        console.print(line)


def markdown(ways: Sequence[Way], lines: Sequence[str]) -> str:
    """Returns the page of the docs."""
    heads = ["server", *(heading for heading, _ in _COLUMNS)]
    rows = [[way.name, *(show(way) for _, show in _COLUMNS)] for way in ways]
    table = [heads, ["---", *["---:"] * len(_COLUMNS)], *rows]
    return "\n".join(
        [
            "# How fast the model server is",
            "",
            "Written by `python -m benchmarks.serving`: one model, the same rows,",
            "every server in turn on one machine, with wrk and h2load beside it.",
            "",
            machine(),
            "",
            *(f"| {' | '.join(row)} |" for row in table),
            "",
            *(f"- {line}" for line in lines),
            "",
        ]
    )


def machine() -> str:
    """Describes machine, libraries and day in one sentence."""
    cpu = "unknown CPU"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    today = datetime.datetime.now(tz=datetime.UTC).date()
    return (
        f"{today}, {cpu}, {os.cpu_count()} cores shared by server and load generator, "
        f"{memory:.0f} GiB, {platform.system()}; Python {platform.python_version()}, "
        f"TensorFlow {version('tensorflow')}."
    )

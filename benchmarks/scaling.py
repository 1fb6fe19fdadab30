"""What each node costs per million rows: the table of docs/scaling.md.

    python -m benchmarks.pipeline_speed --scale 1,10     measures; an hour
    python -m benchmarks.scaling                         writes the table

A node's time is taken as fixed seconds and seconds per million rows, from the runs of
the fewest and of the most rows.
"""

import argparse
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bench_report import LABELLED_ROWS
from benchmarks.speed_result import COLD, OURS, ROOT, Result, ResultFile

BEGIN = "<!-- written by python -m benchmarks.scaling -->"
END = "<!-- end -->"
_MILLION = 1_000_000
_MIN_SCALES = 2
_FORECASTS = (10_000_000, 100_000_000)


class ScalingError(ValueError):
    """Results that no cost per row can be taken from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeCost:
    """A straight line through two measured runs.

    Attributes:
        node_id: The node.
        fixed_s: Seconds that do not depend on the rows, >= 0.
        s_per_million: Seconds for each million of labelled rows, >= 0.
    """

    node_id: str
    fixed_s: float
    s_per_million: float

    def seconds(self, rows: int) -> float:
        """Returns the time the line gives for so many rows, in seconds."""
        return self.fixed_s + self.s_per_million * rows / _MILLION


def node_costs(seconds: Mapping[int, Mapping[str, float]]) -> list[NodeCost]:
    """Returns the cost of each node of the run with the most rows, in its order.

    A node that is no slower with more rows costs its mean, whatever the rows; a line
    that would begin below zero begins at zero.

    Args:
        seconds: Rows to node id to wall seconds.

    Raises:
        ScalingError: Fewer than two numbers of rows.
    """
    if len(seconds) < _MIN_SCALES:
        raise ScalingError(
            f"there are runs of {len(seconds)} number of rows; a cost per row takes "
            "two. Measure with: python -m benchmarks.pipeline_speed --scale 1,10"
        )
    few, many = min(seconds), max(seconds)
    costs = []
    for node_id, slow_s in seconds[many].items():
        fast_s = seconds[few].get(node_id, slow_s)
        slope = (slow_s - fast_s) / (many - few)
        fixed_s = fast_s - slope * few
        if slope <= 0:
            slope, fixed_s = 0.0, (fast_s + slow_s) / 2
        elif fixed_s < 0:
            slope, fixed_s = slow_s / many, 0.0
        costs.append(
            NodeCost(node_id=node_id, fixed_s=fixed_s, s_per_million=slope * _MILLION)
        )
    return costs


def cold_seconds(results: Iterable[Result]) -> dict[int, dict[str, float]]:
    """Returns rows to node to the median seconds of slipway's cold runs."""
    found: dict[int, dict[str, list[float]]] = {}
    for result in results:
        if (result.case.rival, result.case.scenario) == (OURS, COLD):
            nodes = found.setdefault(LABELLED_ROWS * result.case.scale, {})
            for node in result.nodes:
                nodes.setdefault(node.node_id, []).append(node.wall_s)
    return {
        rows: {node_id: statistics.median(times) for node_id, times in nodes.items()}
        for rows, nodes in found.items()
    }


def table(seconds: Mapping[int, Mapping[str, float]]) -> str:
    """Returns the Markdown table of measured runs, costs and what they come to."""
    costs = node_costs(seconds)
    measured = sorted(seconds)
    heads = [
        "node",
        *(f"{rows:,} rows" for rows in measured),
        "fixed s",
        "s per million rows",
        *(f"{rows:,} rows, forecast" for rows in _FORECASTS),
    ]
    lines = [heads, ["---"] * len(heads)]
    lines += [
        [
            cost.node_id,
            *(f"{seconds[rows].get(cost.node_id, 0.0):.1f}" for rows in measured),
            f"{cost.fixed_s:.1f}",
            f"{cost.s_per_million:.1f}",
            *(f"{cost.seconds(rows):,.0f}" for rows in _FORECASTS),
        ]
        for cost in costs
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write_table(page: Path, text: str) -> None:
    """Puts the table between the page's two marks.

    Raises:
        ScalingError: The page lacks them.
    """
    old = page.read_text(encoding="utf-8")
    before, begin, rest = old.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ScalingError(f"{page} lacks the lines {BEGIN} and {END}.")
    page.write_text(f"{before}{BEGIN}\n{text}{END}{after}", encoding="utf-8")


def main() -> None:
    """Reads the bench's results and writes the table into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=ROOT / "var/benchmarks/pipeline")
    parser.add_argument("--page", type=Path, default=ROOT / "docs/scaling.md")
    options = parser.parse_args()
    results = ResultFile(options.work / "results.jsonl").read()
    write_table(options.page, table(cold_seconds(results.values())))


if __name__ == "__main__":
    main()

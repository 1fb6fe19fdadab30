"""What a run may cost, as ratios and amounts, and whether it does."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from benchmarks.speed_result import (
    COLD,
    EDIT,
    OURS,
    SCRIPT,
    STOCK,
    TOUCH,
    UNCHANGED,
    Case,
    Result,
)

TO_TRANSFORM = (
    "example_gen", "statistics_gen", "schema_gen", "schema_curator",
    "example_validator", "anomaly_gate", "transform",
)  # fmt: skip
"""Nodes that an edit of the model does not concern."""
_EXAMPLE_GENS = {OURS: "example_gen", STOCK: "CsvExampleGen"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """One figure and its bound.

    Attributes:
        what: The figure in words.
        bound: The largest (or smallest) value that will do.
        unit: Behind both; "times" for a ratio.
        is_lowest: Whether `bound` is the smallest value.
        values: One a repeat; empty if it was not measured.
    """

    what: str
    bound: float
    unit: str
    is_lowest: bool = False
    values: tuple[float, ...] = ()

    @property
    def median(self) -> float:
        """The figure; `values` must not be empty."""
        return statistics.median(self.values)

    @property
    def holds(self) -> bool:
        """Whether the median is within the bound."""
        if self.is_lowest:
            return self.median >= self.bound
        return self.median <= self.bound


class Figures:
    """Looks figures up in the results."""

    def __init__(self, results: Iterable[Result]) -> None:
        """Keeps them by case."""
        self._by_case = {result.case: result for result in results}

    def of(self, rival: str, scenario: str, scale: int = 1) -> list[Result]:
        """Returns the results of all repeats, in order; none gives an empty list."""
        found = [
            result
            for case, result in self._by_case.items()
            if (case.rival, case.scenario, case.scale) == (rival, scenario, scale)
        ]
        return sorted(found, key=lambda result: result.case.repeat)

    def scales(self) -> list[int]:
        """Returns the multiples of the rows at which anything was measured."""
        return sorted({case.scale for case in self._by_case})

    def ratios(
        self, above: Case, below: Case, value: Callable[[Result], float | None]
    ) -> tuple[float, ...]:
        """Returns value(above) / value(below) for each repeat that has both.

        Args:
            above: Its repeat is left out of account: those of equal number are
                compared, which were measured one after the other.
            below: Likewise.
            value: The figure of a result; None where it has none.
        """
        over = {result.case.repeat: value(result) for result in self._like(above)}
        under = {result.case.repeat: value(result) for result in self._like(below)}
        pairs = [(over[repeat], under[repeat]) for repeat in over if repeat in under]
        return tuple(top / bottom for top, bottom in pairs if top and bottom)

    def _like(self, case: Case) -> list[Result]:
        return self.of(case.rival, case.scenario, case.scale)


def wall_s(result: Result) -> float:
    """Returns the wall time of a whole process."""
    return result.usage.wall_s


def peak_bytes(result: Result) -> float:
    """Returns the peak memory of a whole process tree."""
    return float(result.usage.peak_bytes)


def ingestion_s(result: Result) -> float | None:
    """Returns the wall time of ExampleGen; None if there is no such node."""
    wanted = _EXAMPLE_GENS[result.case.rival]
    found = (node.wall_s for node in result.nodes if node.node_id == wanted)
    return next(found, None)


def early_runs(result: Result) -> float:
    """Returns how many nodes up to Transform ran, other than from the cache."""
    early = [node for node in result.nodes if node.node_id in TO_TRANSFORM]
    return float(sum(node.state != "cached" for node in early))


def build_limits(figures: Figures) -> list[Limit]:
    """Returns every limit with what was measured."""
    ours, stock, script = (
        Case(rival=rival, scenario=COLD) for rival in (OURS, STOCK, SCRIPT)
    )
    ten = Case(rival=OURS, scenario=COLD, scale=10)
    cold = figures.of(OURS, COLD)
    ran_early = tuple(map(early_runs, figures.of(OURS, EDIT)))
    return [
        Limit(what="cold run against stock TFX", bound=1 / 3, unit="times",
              values=figures.ratios(ours, stock, wall_s)),
        Limit(what="cold run against the plain script", bound=3, unit="times",
              values=figures.ratios(ours, script, wall_s)),
        Limit(what="rows/s of ExampleGen, from Parquet, against CsvExampleGen",
              bound=20, unit="times", is_lowest=True,
              values=figures.ratios(stock, ours, ingestion_s)),
        Limit(what="unchanged rerun", bound=3, unit="s",
              values=_walls(figures.of(OURS, UNCHANGED))),
        Limit(what="rerun after a file was touched", bound=3, unit="s",
              values=_walls(figures.of(OURS, TOUCH))),
        Limit(what="nodes up to Transform that an edit of the model reruns",
              bound=0, unit="nodes", values=ran_early),
        Limit(what="wall time at ten times the rows", bound=11, unit="times",
              values=figures.ratios(ten, ours, wall_s)),
        Limit(what="peak memory at ten times the rows", bound=1.3, unit="times",
              values=figures.ratios(ten, ours, peak_bytes)),
        Limit(what="peak memory of a cold run", bound=2, unit="GB",
              values=tuple(peak_bytes(result) / 1e9 for result in cold)),
    ]  # fmt: skip


def _walls(results: Sequence[Result]) -> tuple[float, ...]:
    return tuple(map(wall_s, results))

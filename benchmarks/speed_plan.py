"""Which runs a bench is made of, in which order, and how long they may take."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.speed_result import (
    COLD,
    EDIT,
    ELEVEN,
    NEW_SPAN,
    OURS,
    SCRIPT,
    STOCK,
    TOUCH,
    UNCHANGED,
    Case,
    Result,
)

MAIN_STEPS = (COLD, UNCHANGED, TOUCH, EDIT)
SPAN_STEPS = (ELEVEN, NEW_SPAN)

# Seconds on two cores of 2026; only for the estimate before anything was measured.
_GUESSED_S = {
    (OURS, COLD): 55.0, (OURS, ELEVEN): 50.0, (OURS, NEW_SPAN): 50.0,
    (OURS, EDIT): 40.0, (OURS, UNCHANGED): 3.0, (OURS, TOUCH): 3.0,
    (STOCK, COLD): 240.0, (STOCK, ELEVEN): 220.0, (STOCK, NEW_SPAN): 260.0,
    (STOCK, EDIT): 140.0, (STOCK, UNCHANGED): 140.0, (STOCK, TOUCH): 260.0,
    (SCRIPT, COLD): 30.0,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSequence:
    """Runs that follow one another in one folder, each on what the last one left.

    Attributes:
        cases: In order; all of one rival, repeat and scale.
    """

    cases: tuple[Case, ...]

    @property
    def first(self) -> Case:
        """The run that starts in an empty folder."""
        return self.cases[0]

    @property
    def folder_name(self) -> str:
        """Such as "slipway-cold-11-spans-1-x1"."""
        case = self.first
        words = f"{case.rival} {case.scenario} {case.repeat} x{case.scale}"
        return words.replace(",", "").replace(" ", "-")


@dataclass(frozen=True, kw_only=True, slots=True)
class Extent:
    """How much is measured.

    Attributes:
        repeats: Cold runs of each rival, and every scenario of slipway, >= 1.
        stock_repeats: Sequences of stock TFX's other scenarios, >= 0.
        scales: Multiples of the rows of 2013; 1 is the main part and always there.
        stock_scale: Whether stock TFX runs at the other scales as well.
    """

    repeats: int = 3
    stock_repeats: int = 1
    scales: tuple[int, ...] = (1, 3, 10)
    stock_scale: bool = False


def build_plan(extent: Extent) -> list[RunSequence]:
    """Returns all sequences; rivals take turns, so that each meets the same machine."""
    plan = []
    for repeat in range(1, extent.repeats + 1):
        is_long = repeat <= extent.stock_repeats
        plan += [
            _sequence(OURS, MAIN_STEPS, repeat),
            _sequence(SCRIPT, (COLD,), repeat),
            _sequence(STOCK, MAIN_STEPS if is_long else (COLD,), repeat),
            _sequence(OURS, SPAN_STEPS, repeat),
        ]
        if is_long:
            plan.append(_sequence(STOCK, SPAN_STEPS, repeat))
    rivals = [OURS, SCRIPT, *([STOCK] if extent.stock_scale else [])]
    for scale in extent.scales:
        if scale > 1:
            plan += [_sequence(rival, (COLD,), 1, scale) for rival in rivals]
    return plan


def _sequence(
    rival: str, scenarios: Sequence[str], repeat: int, scale: int = 1
) -> RunSequence:
    return RunSequence(
        cases=tuple(
            Case(rival=rival, scenario=scenario, repeat=repeat, scale=scale)
            for scenario in scenarios
        )
    )


def estimate_s(case: Case, results: Mapping[Case, Result]) -> float:
    """Returns how long a run may take: as long as its like, or a guess, seconds."""
    alike = [
        result.usage.wall_s
        for done, result in results.items()
        if (done.rival, done.scenario, done.scale)
        == (case.rival, case.scenario, case.scale)
    ]
    if alike:
        return statistics.median(alike)
    if case.scale > 1:
        one = Case(rival=case.rival, scenario=case.scenario)
        return case.scale * estimate_s(one, results)
    return _GUESSED_S[case.rival, case.scenario]

"""Holds a model's metrics against its thresholds and puts the outcome into words.

A bound that cannot be measured fails: a gate that sees nothing must not open.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.quality_gate.intervals import Interval, metric_interval

OVERALL = ""
_MAX_SAID = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class SliceMetrics:
    """TFMA's metrics of one slice.

    Attributes:
        column: Column the slice is of; OVERALL for all rows.
        value: The column's value as text; "" for all rows.
        metrics: Metric name to value; NaN where TFMA could not compute it.
    """

    column: str
    value: str
    metrics: Mapping[str, float]

    @property
    def name(self) -> str:
        """The slice as people write it: "all rows" or "origin=JFK"."""
        return f"{self.column}={self.value}" if self.column else "all rows"

    @property
    def rows(self) -> float:
        """Number of rows in the slice."""
        return self.metrics.get("example_count", 0.0)

    def interval(self, metric: str, confidence: float) -> Interval | None:
        """Returns the metric's confidence interval; None where there is no method."""
        return metric_interval(
            metric,
            self.metrics.get(metric, math.nan),
            rows=self.rows,
            positive_fraction=self.metrics.get("mean_label", math.nan),
            confidence=confidence,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One bound held against one slice.

    Attributes:
        metric, slice: What was looked at; slice as in SliceMetrics.name.
        value: The model's value; NaN if it could not be measured.
        baseline: The baseline's value, for bounds on the change.
        limit: The least or greatest value accepted.
        is_met: Whether the value is within the limit.
        sentence: All of this in words.
    """

    metric: str
    slice: str
    value: float
    baseline: float | None
    limit: float
    is_met: bool
    sentence: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Whether a model may be pushed, and why.

    Attributes:
        is_blessed: True if every bound that applies is met.
        sentence: The reason in words: the failures, or what was met.
        checks: Every bound that was held against a slice.
        notes: What was left out and why: no baseline, slices too small.
    """

    is_blessed: bool
    sentence: str
    checks: tuple[Check, ...]
    notes: tuple[str, ...]


def judge(
    model: Sequence[SliceMetrics],
    baseline: Sequence[SliceMetrics] | None,
    thresholds: Sequence[Mapping[str, Any]],
) -> Verdict:
    """Holds every threshold against the slices it names.

    Args:
        model: The candidate's metrics, overall and by slice.
        baseline: The last blessed model's metrics on the same rows, or None: then
            bounds on the change are noted and not applied.
        thresholds: Mappings with the keys of pipeline.stage_configs.Threshold.
    """
    checks: list[Check] = []
    notes: list[str] = []
    failures: list[str] = []
    for threshold in thresholds:
        wanted = threshold.get("slice") or OVERALL
        candidates = [part for part in model if part.column == wanted]
        judged = [part for part in candidates if part.rows >= threshold["min_examples"]]
        notes += _note_small(threshold, wanted, candidates, judged)
        if not judged:
            failures.append(_nothing_to_judge(threshold, wanted, candidates))
        for part in judged:
            checks += _value_checks(part, threshold)
            checks += _change_checks(part, baseline, threshold)
        if baseline is None and _bounds_change(threshold):
            notes.append(
                f"{threshold['metric']}: no earlier blessed model to compare with, "
                "so the bound on its change was not applied"
            )
    failures += [check.sentence for check in checks if not check.is_met]
    return Verdict(
        is_blessed=not failures,
        sentence=_summarize(failures, checks),
        checks=tuple(checks),
        notes=tuple(dict.fromkeys(notes)),
    )


def _bounds_change(threshold: Mapping[str, Any]) -> bool:
    return any(
        threshold.get(name) is not None for name in ("max_decrease", "max_increase")
    )


def _note_small(
    threshold: Mapping[str, Any],
    wanted: str,
    candidates: Sequence[SliceMetrics],
    judged: Sequence[SliceMetrics],
) -> list[str]:
    small = len(candidates) - len(judged)
    if not small or not judged:
        return []
    return [
        (
            f"{threshold['metric']} by {wanted}: {small} of {len(candidates)} values "
            f"have fewer than {threshold['min_examples']:,} rows and were not judged"
        )
    ]


def _nothing_to_judge(
    threshold: Mapping[str, Any], wanted: str, candidates: Sequence[SliceMetrics]
) -> str:
    where = f"by {wanted}" if wanted else "on all rows"
    most = max((part.rows for part in candidates), default=0)
    return (
        f"{threshold['metric']} {where} could not be judged: no slice has the "
        f"{threshold['min_examples']:,} rows of min_examples (the largest has "
        f"{most:,.0f})"
    )


def _value_checks(part: SliceMetrics, threshold: Mapping[str, Any]) -> Iterator[Check]:
    for bound, is_lower in (("min", True), ("max", False)):
        limit = threshold.get(bound)
        if limit is not None:
            yield _check(part, threshold["metric"], limit, is_lower, None)


def _change_checks(
    part: SliceMetrics,
    baseline: Sequence[SliceMetrics] | None,
    threshold: Mapping[str, Any],
) -> Iterator[Check]:
    metric = threshold["metric"]
    known = {(other.column, other.value): other for other in baseline or ()}
    before = known.get((part.column, part.value))
    if before is None:
        return
    value = before.metrics.get(metric, math.nan)
    for bound, is_lower in (("max_decrease", True), ("max_increase", False)):
        allowed = threshold.get(bound)
        if allowed is not None:
            limit = value - allowed if is_lower else value + allowed
            yield _check(part, metric, limit, is_lower, value)


def _check(
    part: SliceMetrics,
    metric: str,
    limit: float,
    is_lower: bool,
    baseline: float | None,
) -> Check:
    value = part.metrics.get(metric, math.nan)
    is_met = value >= limit if is_lower else value <= limit  # False for NaN
    if math.isnan(value) or math.isnan(limit):
        said = f"{metric} on {part.name} could not be measured ({part.rows:,.0f} rows)"
    else:
        relation = _relation(is_met, is_lower)
        against = "" if baseline is None else f" (the baseline has {baseline:.4f})"
        said = (
            f"{metric} on {part.name} is {value:.4f}, {relation} {limit:.4f}{against}"
        )
    return Check(
        metric=metric,
        slice=part.name,
        value=value,
        baseline=baseline,
        limit=limit,
        is_met=is_met,
        sentence=said,
    )


def _relation(is_met: bool, is_lower: bool) -> str:
    if is_met:
        return "at least" if is_lower else "at most"
    return "below" if is_lower else "above"


def _summarize(failures: Sequence[str], checks: Sequence[Check]) -> str:
    if failures:
        said = "; ".join(failures[:_MAX_SAID])
        more = len(failures) - _MAX_SAID
        held = max(len(checks), len(failures))
        return (
            f"{len(failures)} of {held} bounds failed: {said}"
            f"{f'; and {more} more' if more > 0 else ''}"
        )
    if not checks:
        return "no bound could be applied yet: all are on a change, without a baseline"
    first = next((check for check in checks if check.slice == "all rows"), checks[0])
    return f"all {len(checks)} bounds are met; {first.sentence}"

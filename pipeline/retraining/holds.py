"""What forbids a run that something asks for; each hold in its own words."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pipeline.retraining.evidence import Evidence, History, PastRun, new_spans
from pipeline.retraining.policy import RetrainingConfig

DAY = timedelta(hours=24)

HoldKind = Literal[
    "going_on",
    "max_runs",
    "no_data",
    "nothing_changed",
    "few_rows",
    "refused",
    "no_impact",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """One reason not to run.

    Attributes:
        kind: Which.
        sentence: In plain words, without a full stop.
    """

    kind: HoldKind
    sentence: str


def find_holds(
    policy: RetrainingConfig, evidence: Evidence, history: History, now: datetime
) -> Iterator[Hold]:
    """Yields everything that forbids a run now."""
    if evidence.going_on:
        yield Hold(
            kind="going_on",
            sentence=f"run {', '.join(evidence.going_on)} is going on",
        )
    yield from _too_many(policy, history, now)
    if not evidence.spans:
        yield Hold(kind="no_data", sentence="there is no span to read")
        return
    yield from _unchanged(policy, evidence, history)
    yield from _refused(policy, evidence, history)


def recent_starts(starts: tuple[datetime, ...], now: datetime) -> list[datetime]:
    """Returns the starts of the last 24 hours, in order.

    A start later than `now` counts too: a clock that was set back gives no runs away.
    """
    return sorted(start for start in starts if start > now - DAY)


def _too_many(
    policy: RetrainingConfig, history: History, now: datetime
) -> Iterator[Hold]:
    recent = recent_starts(history.starts, now)
    if len(recent) < policy.max_runs_per_day:
        return
    free_at = recent[-policy.max_runs_per_day] + DAY
    yield Hold(
        kind="max_runs",
        sentence=f"{len(recent)} runs were started in the last 24 hours, and "
        f"max_runs_per_day is {policy.max_runs_per_day}; the next may start at "
        f"{free_at:%Y-%m-%d %H:%M} UTC",
    )


def _unchanged(
    policy: RetrainingConfig, evidence: Evidence, history: History
) -> Iterator[Hold]:
    blessed = history.last_blessed
    if blessed is None or is_other_code(evidence, blessed):
        return
    if blessed.data_digest == evidence.data_digest:
        yield Hold(
            kind="nothing_changed",
            sentence=f"data and code are those of run {blessed.run_id}, whose model "
            "was blessed: a run would make the same model again",
        )
        return
    fresh = new_spans(evidence, blessed)
    num_rows = sum(span.num_rows for span in fresh)
    if num_rows < policy.min_new_rows:
        yield Hold(
            kind="few_rows",
            sentence=f"{num_rows:,} rows are new since run {blessed.run_id}, and "
            f"min_new_rows is {policy.min_new_rows:,}",
        )


def _refused(
    policy: RetrainingConfig, evidence: Evidence, history: History
) -> Iterator[Hold]:
    refused = history.refused
    if len(refused) < policy.max_refused_runs:
        return
    last = refused[0]
    if is_other_code(evidence, last) or last.data_digest != evidence.data_digest:
        return
    yield Hold(
        kind="refused",
        sentence=f"the last {len(refused)} runs ended without a blessed model, and "
        f"since run {last.run_id} neither data nor code changed ({last.reason})",
    )


def is_other_code(evidence: Evidence, run: PastRun) -> bool:
    """Tells whether the code differs from a run's; of early runs it is not known."""
    return run.code_digest not in ("", evidence.code_digest)

"""Takes in what happened since the last look: the routers' counts and the log's rows.

Only rows older than the label delay are looked at, of both arms alike. Labels that come
early are not a sample of all: a flight that is cancelled or very late is labelled late,
and an arm whose users are quick would look better. At that age a row counts as labelled
or as not; a label that comes later still is not waited for. Whether labels came equally
often for both arms is tested, as is whether the arms got the units they should.
"""

import dataclasses
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from serving.prediction_log.log_reader import PredictionLog
from serving.rollout.effect import add_units
from serving.rollout.evidence import Evidence, LabelEvidence
from serving.rollout.labelled_units import Units, log_columns, microseconds, units_of
from serving.rollout.odds_test import TWO_SIDED_GRID, Logs, add_events
from serving.rollout.plan import MetricPlan
from serving.rollout.rail_counts import add_counts
from serving.rollout.seen_units import SeenUnits
from serving.rollout.state import RolloutState, moment
from serving.router.counts_file import read_counts


def gather_counts(state_dir: Path, state: RolloutState, evidence: Evidence) -> Evidence:
    """Returns the evidence with the routers' counts of now.

    Raises:
        RouterError: A counts file cannot be used.
    """
    return add_counts(evidence, state, read_counts(state_dir, state.id))


def gather_labels(
    state_dir: Path, state: RolloutState, evidence: Evidence, now: datetime
) -> Evidence:
    """Returns the evidence with the units whose labels have had time to come.

    Args:
        state_dir: The rollout's.
        state: Where it stands.
        evidence: Of the last look; what is new alone is read.
        now: On the clock of the evidence.

    Raises:
        PredictionLogError: A file of the log cannot be read.
        RolloutError: The metric cannot be worked out of the log.
    """
    plan = state.plan.metric
    if plan is None or state.plan.log_dir is None:
        return evidence
    until = now - timedelta(seconds=plan.label_delay_s)
    labels = evidence.labels
    start = moment(state.step_starts[0])
    read_until = moment(labels.read_until) if labels.read_until else start
    if until <= read_until:
        return evidence
    since = max(start, read_until - timedelta(seconds=plan.log_lag_s))
    rows = PredictionLog(Path(state.plan.log_dir), state.model).read(
        since, until, columns=log_columns(plan), with_labels=True
    )
    seen = SeenUnits(state_dir, labels.num_kept_units)
    found = _add_rows(labels, seen, rows, (state, plan))
    return dataclasses.replace(
        evidence, labels=dataclasses.replace(found, read_until=until.isoformat())
    )


def _add_rows(
    labels: LabelEvidence,
    seen: SeenUnits,
    rows: Any,
    asked: tuple[RolloutState, MetricPlan],
) -> LabelEvidence:
    units = units_of(rows, *asked)
    # Rows before this were read before; only those that came late are new.
    read_until = microseconds(moment(labels.read_until)) if labels.read_until else 0
    is_unread = units.times >= read_until
    is_new = np.zeros(len(units.hashes), dtype=bool)
    settled = np.flatnonzero(units.is_settled)
    is_new[settled] = seen.is_new(units.hashes[settled])
    seen.add(units.hashes[is_new])
    num_repeats = int((units.is_settled & ~is_new & is_unread).sum())
    return dataclasses.replace(
        add_to_labels(labels, units, is_new),
        num_kept_units=len(seen),
        num_repeats=labels.num_repeats + num_repeats,
        num_unkeyed=labels.num_unkeyed + int((units.unkeyed_times >= read_until).sum()),
        num_settling=labels.num_settling + int((~units.is_settled & is_unread).sum()),
    )


def add_to_labels(
    labels: LabelEvidence, units: Units, is_new: np.ndarray
) -> LabelEvidence:
    """Returns the evidence with some units added.

    Args:
        labels: As it was.
        units: In order of time.
        is_new: bool [units]. Which of them to add.
    """
    is_labelled = is_new & ~np.isnan(units.values)
    num_candidate = int(units.is_candidate[is_new].sum())
    num_stable = int(is_new.sum()) - num_candidate
    return dataclasses.replace(
        labels,
        effect=add_units(
            labels.effect,
            units.is_candidate[is_labelled],
            units.values[is_labelled],
            units.shares[is_labelled],
        ),
        num_units=(
            labels.num_units[0] + num_stable,
            labels.num_units[1] + num_candidate,
        ),
        unit_logs=_assigned(labels.unit_logs, units, is_new),
        labelled_logs=_assigned(labels.labelled_logs, units, is_labelled),
    )


def _assigned(logs: Logs, units: Units, chosen: np.ndarray) -> Logs:
    """Adds units to the test of whether the arms got their shares."""
    for share in np.unique(units.shares[chosen]):
        arms = units.is_candidate[chosen & (units.shares == share)]
        num_candidate = int(arms.sum())
        logs = add_events(
            logs, float(share), num_candidate, len(arms) - num_candidate, TWO_SIDED_GRID
        )
    return logs

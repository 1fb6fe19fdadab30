"""What the log says of the metric before a rollout: mean, spread, units a second."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from serving.prediction_log.log_reader import PredictionLog
from serving.rollout.effect import MIN_UNITS
from serving.rollout.errors import RolloutError
from serving.rollout.labelled_units import log_columns, requests_of
from serving.rollout.plan import MetricPlan

_US = 1e6


@dataclass(frozen=True, kw_only=True, slots=True)
class Baseline:
    """The metric of labelled units, one unit a key.

    Attributes:
        num_units: Units.
        mean: In the metric's unit.
        std: Standard deviation over units (n - 1), > 0.
        units_per_s: Units over the time from the first to the last.
    """

    num_units: int
    mean: float
    std: float
    units_per_s: float


def measure_baseline(
    log: PredictionLog, plan: MetricPlan, now: datetime, window_s: float
) -> Baseline:
    """Returns the metric over the last rows whose labels have had time to come.

    Args:
        log: The model's.
        plan: Names the metric; its numbers are not used.
        now: On the clock of the evidence.
        window_s: Seconds to look back, from the label delay on.

    Raises:
        RolloutError: Too few units are labelled, or all have the same value.
    """
    import pyarrow.compute as pc

    until = now - timedelta(seconds=plan.label_delay_s)
    since = until - timedelta(seconds=window_s)
    rows = log.read(since, until, columns=log_columns(plan), with_labels=True)
    rows = rows.filter(pc.is_valid(rows.column("key")))
    units = requests_of(rows, plan).drop_duplicates("key")
    units = units[units["value"].notna()]
    lasted_s = (units["time"].max() - units["time"].min()) / _US if len(units) else 0.0
    std = float(units["value"].std()) if len(units) > 1 else math.nan
    if len(units) < MIN_UNITS or not std > 0 or lasted_s <= 0:
        raise RolloutError(
            f"the log of {log.model} from {since:%Y-%m-%d %H:%M} to "
            f"{until:%Y-%m-%d %H:%M} has {len(units)} labelled units with a spread of "
            f"{std:.4g}; {MIN_UNITS} that differ are needed to plan with. Give the "
            "spread and the traffic yourself: --std and --units-per-day."
        )
    return Baseline(
        num_units=len(units),
        mean=float(units["value"].mean()),
        std=std,
        units_per_s=len(units) / lasted_s,
    )

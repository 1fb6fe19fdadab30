"""Rows of the prediction log become units: what was assigned, what it was worth.

The unit is what the router assigned: the first key of a request. A request of several
rows goes to one arm as a whole, and rows of one key share what turns out, so rows are
not independent and must not be counted as if they were. Therefore

    a request counts once, with the mean over its rows;
    a key counts once, with its first request; later ones are no evidence.

The effect is thus the mean over units, each of the same weight.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from serving.rollout.metric_values import columns_of, metric_values
from serving.rollout.plan import MetricPlan
from serving.rollout.seen_units import hashes_of
from serving.rollout.state import CANDIDATE, STABLE, RolloutState, moment

_US = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Units:
    """Units in the order of their times.

    Attributes:
        hashes: uint64 [units]. Of the key; not yet unique.
        is_candidate: bool [units].
        times: int64 [units]. Microseconds since 1970, on the clock of the evidence.
        shares: float64 [units]. The candidate's share at that time.
        is_settled: bool [units]. The share had not just been changed.
        values: float64 [units]. Mean of the metric over the request's labelled rows;
            NaN where none is labelled.
        unkeyed_times: int64 [rows]. Of the rows left out for they had no key.
    """

    hashes: np.ndarray
    is_candidate: np.ndarray
    times: np.ndarray
    shares: np.ndarray
    is_settled: np.ndarray
    values: np.ndarray
    unkeyed_times: np.ndarray


def log_columns(plan: MetricPlan) -> Sequence[str]:
    """Returns the columns of the log that units are made of, beside the labels'."""
    return (
        "request_id",
        "row",
        "time",
        "event_time",
        "key",
        "variant",
        *columns_of(plan.name),
    )


def units_of(rows: Any, state: RolloutState, plan: MetricPlan) -> Units:
    """Returns the units of some rows; rows of no arm are left out.

    Args:
        rows: pyarrow.Table of log_columns and the labels' columns; whole requests.
        state: Gives the steps and their times.
        plan: The metric.

    Raises:
        RolloutError: The metric cannot be worked out; see metric_values.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    arms = pa.array([STABLE, CANDIDATE])
    rows = rows.filter(pc.is_in(rows.column("variant").cast("string"), arms))
    has_key = rows.column("key").is_valid()
    requests = requests_of(rows.filter(has_key), plan)
    times = requests["time"].to_numpy()
    shares, is_settled = _shares_at(times, state, plan.settle_s)
    return Units(
        hashes=hashes_of(requests["key"]),
        is_candidate=(requests["variant"] == CANDIDATE).to_numpy(),
        times=times,
        shares=shares,
        is_settled=is_settled,
        values=requests["value"].to_numpy(),
        unkeyed_times=_event_times(rows.filter(pc.invert(has_key))),
    )


def requests_of(rows: Any, plan: MetricPlan) -> Any:
    """Returns one row a request, in order of time.

    Args:
        rows: As for units_of, each with a key.
        plan: The metric.

    Returns:
        pandas.DataFrame: `time` int64, microseconds; `key` of the request's first row;
        `variant`; `value` float64, NaN where no row is labelled.
    """
    import pandas as pd

    frame = pd.DataFrame(
        {
            "request": rows.column("request_id").to_pandas(),
            "row": rows.column("row").to_numpy(),
            "answered": rows.column("time").cast("int64").to_numpy(),
            "time": _event_times(rows),
            "key": rows.column("key").to_pandas(),
            "variant": rows.column("variant").cast("string").to_pandas(),
            "value": metric_values(plan, rows),
        }
    )
    frame = frame.sort_values(["request", "row"])
    # Clients may use an id twice; rows of one request were answered at one moment.
    groups = frame.groupby(["request", "answered"], sort=False, as_index=False)
    requests = groups.agg(
        time=("time", "first"),
        key=("key", "first"),
        variant=("variant", "first"),
        value=("value", "mean"),
    )
    return requests.sort_values(["time", "request"])


def _event_times(rows: Any) -> np.ndarray:
    """Returns int64 [rows], microseconds; where none was sent, when it was answered."""
    import pyarrow.compute as pc

    times = pc.coalesce(rows.column("event_time"), rows.column("time"))
    found: np.ndarray = times.cast("int64").to_numpy()
    return found


def _shares_at(
    times: np.ndarray, state: RolloutState, settle_s: float
) -> tuple[np.ndarray, np.ndarray]:
    starts = np.array([microseconds(moment(text)) for text in state.step_starts])
    shares = np.array([step.share for step in state.plan.steps])
    steps = np.searchsorted(starts, times, side="right") - 1
    is_settled = (steps >= 0) & (times - starts[steps] >= settle_s * _US)
    return shares[np.maximum(steps, 0)], is_settled


def microseconds(when: datetime) -> int:
    """Returns whole microseconds since 1970 UTC."""
    return round(when.timestamp() * _US)

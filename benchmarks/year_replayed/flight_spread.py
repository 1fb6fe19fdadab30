"""How much one flight's log loss varies: what a rollout is planned with.

Outside of rollouts a request carries many flights, and the mean over a request varies
less than a flight does. During one each flight is a request of its own.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow.compute as pc

from benchmarks.year_replayed.year_settings import MODEL, YearSettings
from serving.prediction_log.log_reader import PredictionLog

_LOOK_BACK = timedelta(days=14)
_FLOOR = 1e-4


@dataclass(frozen=True, kw_only=True, slots=True)
class FlightSpread:
    """Of the labelled flights of two weeks.

    Attributes:
        std: Standard deviation of a flight's log loss, nats.
        flights_per_day: Labelled ones.
    """

    std: float
    flights_per_day: float


def measure_spread(settings: YearSettings, now: datetime) -> FlightSpread:
    """Returns what the log says.

    Args:
        settings: Of the replay.
        now: On its clock.

    Raises:
        ValueError: Fewer than two flights are labelled.
    """
    rows = PredictionLog(settings.log, MODEL).read(
        now - _LOOK_BACK, now, columns=["event_time", "outputs"], with_labels=True
    )
    rows = rows.filter(pc.is_valid(rows["label"]))
    if len(rows) < 2:  # noqa: PLR2004 - a spread is of two
        raise ValueError(f"{len(rows)} flights are labelled before {now}; expected 2.")
    label = rows["label"].to_numpy()
    found = pc.struct_field(rows["outputs"].combine_chunks(), "probability").to_numpy()
    probability = np.clip(found.astype(float), _FLOOR, 1 - _FLOOR)
    losses = -np.where(label > 0, np.log(probability), np.log1p(-probability))
    days = pc.count_distinct(pc.floor_temporal(rows["event_time"], unit="day")).as_py()
    return FlightSpread(std=float(losses.std(ddof=1)), flights_per_day=len(rows) / days)

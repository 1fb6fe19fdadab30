"""What goes wrong with the feed, as a change of rows: a column, a unit, a category."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

KM_PER_MILE = 1.609344
UNKNOWN_SHARE = 0.3
UNKNOWN_CARRIER = "ZZ"
_SEED = 2013


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedFault:
    """One fault and when it begins.

    Attributes:
        name: In few words.
        feature: The raw feature it changes.
        kinds: Kinds of alarms that tell it.
        first_day: In UTC; it lasts until the day after an alarm, at most
            `MAX_DAYS` days.
        change: Returns the rows as the broken feed sends them.
    """

    name: str
    feature: str
    kinds: tuple[str, ...]
    first_day: date
    change: Callable[[Any], Any]

    def is_on(self, day: date, repaired_from: date | None) -> bool:
        """Tells whether the feed is broken on a day.

        Args:
            day: In UTC.
            repaired_from: First day of the repaired feed; None: nobody has noticed.
        """
        end = self.first_day + timedelta(days=MAX_DAYS)
        return self.first_day <= day < (repaired_from or end)


MAX_DAYS = 7
"""After which even a fault that no monitor sees is noticed by somebody."""


def without_column(name: str) -> Callable[[Any], Any]:
    """Returns the change that empties a column."""

    def change(rows: Any) -> Any:
        return _replaced(rows, name, pa.nulls(len(rows), rows.schema.field(name).type))

    return change


def in_km(name: str) -> Callable[[Any], Any]:
    """Returns the change that sends miles as kilometres."""

    def change(rows: Any) -> Any:
        values = pc.multiply(rows[name], KM_PER_MILE)
        return _replaced(rows, name, values.cast(rows.schema.field(name).type))

    return change


def unknown(name: str, share: float = UNKNOWN_SHARE) -> Callable[[Any], Any]:
    """Returns the change that gives a share of the rows a category nobody knows."""

    def change(rows: Any) -> Any:
        is_changed = np.random.default_rng(_SEED).random(len(rows)) < share
        values = pc.if_else(pa.array(is_changed), UNKNOWN_CARRIER, rows[name])
        return _replaced(rows, name, values)

    return change


def _replaced(rows: Any, name: str, values: Any) -> Any:
    return rows.set_column(rows.schema.get_field_index(name), name, values)


FEED_FAULTS = (
    FeedFault(
        name="a column gone",
        feature="sched_arr_minute",
        kinds=("missing",),
        first_day=date(2013, 5, 20),
        change=without_column("sched_arr_minute"),
    ),
    FeedFault(
        name="miles sent as kilometres",
        feature="distance_miles",
        kinds=("drift", "range"),
        first_day=date(2013, 8, 20),
        change=in_km("distance_miles"),
    ),
    FeedFault(
        name="30 % unknown carriers",
        feature="carrier",
        kinds=("unknown",),
        first_day=date(2013, 10, 21),
        change=unknown("carrier"),
    ),
)

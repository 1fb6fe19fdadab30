"""The columns of a flights span: the one list of names, types, order and meaning.

README.md shows the same table; tests/data/flights/test_columns.py holds the two, and
the rows of 2013, together. The curated limits of each column are in schema.pbtxt.
"""

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

Role = Literal["key", "event_time", "feature", "slice", "label"]

LABEL = "is_late"
"""1 if the flight arrived more than 15 minutes late."""

EVENT_TIME = "event_time"

LEAK_COLUMNS = ("dep_time", "dep_delay", "arr_time", "air_time", "arr_delay")
"""Columns of the source that are known only after departure: never in a span."""

_ARROW_TYPES = {
    "string": pa.string(),
    "timestamp[s, tz=UTC]": pa.timestamp("s", tz="UTC"),
    "int64": pa.int64(),
    "float32": pa.float32(),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a span.

    Attributes:
        name: Name in Parquet, in the schema and in a serving request.
        dtype: Arrow type: a key of `_ARROW_TYPES`.
        meaning: What the value says, in words.
        unit: Unit of a number; "" if it has none.
        range: Observed over all of 2013, both ends included: "1 to 12"; for text the
            number of different values: "16 values".
        missing_fraction: Share of 2013's rows that are null, in [0, 1], to 4 decimals.
            Missing is null in Parquet and absent in tf.Example; see `missing_value`.
        role: What the column is for; only features and the label are learned from,
            a slice only groups rows when a model is judged.
    """

    name: str
    dtype: str
    meaning: str
    unit: str
    range: str
    missing_fraction: float
    role: Role

    @property
    def missing_value(self) -> str | float:
        """What a serving request writes for "missing": "" in text, NaN in numbers."""
        return "" if self.dtype == "string" else float("nan")


def arrow_schema() -> pa.Schema:
    """Returns the Arrow schema of a span, in column order, without metadata.

    Tables read back from Parquet have event_time as timestamp[ms]; cast them to this
    schema for seconds.
    """
    return pa.schema([(c.name, _ARROW_TYPES[c.dtype]) for c in COLUMNS])


# fmt: off
# One or two lines a column, so that the list reads as the table it is.
COLUMNS: tuple[Column, ...] = (
    Column("flight_id", "string",
           "local date, carrier and number, origin, scheduled local time",
           "", "336776 values", 0.0, "key"),
    Column("event_time", "timestamp[s, tz=UTC]", "scheduled departure",
           "s since epoch", "2013-01-01T10:15:00Z to 2014-01-01T04:59:00Z",
           0.0, "event_time"),
    Column("month", "int64", "month at the origin, January = 1",
           "", "1 to 12", 0.0, "feature"),
    Column("day_of_month", "int64", "day of the month at the origin",
           "", "1 to 31", 0.0, "feature"),
    Column("day_of_week", "int64", "day of the week at the origin, Monday = 0",
           "", "0 to 6", 0.0, "feature"),
    Column("sched_dep_minute", "int64",
           "scheduled departure, clock at the origin",
           "min of day", "66 to 1439", 0.0, "feature"),
    Column("sched_dep_hour", "int64",
           "hour of the scheduled departure, to judge the model hour by hour",
           "h", "1 to 23", 0.0, "slice"),
    Column("sched_arr_minute", "int64",
           "scheduled arrival, clock at the destination, may be the next day",
           "min of day", "1 to 1439", 0.0, "feature"),
    Column("carrier", "string", "airline, two-character code",
           "", "16 values", 0.0, "feature"),
    Column("flight_number", "int64", "number the airline gave the flight",
           "", "1 to 8500", 0.0, "feature"),
    Column("tailnum", "string", "registration of the aircraft",
           "", "4043 values", 0.0075, "feature"),
    Column("origin", "string", "airport of departure, FAA code",
           "", "3 values", 0.0, "feature"),
    Column("dest", "string", "airport of destination, FAA code",
           "", "105 values", 0.0, "feature"),
    Column("distance_miles", "float32", "distance between the two airports",
           "miles", "17 to 4983", 0.0, "feature"),
    Column("temp_f", "float32", "air temperature at the origin",
           "°F", "10.94 to 100.04", 0.0047, "feature"),
    Column("dewpoint_f", "float32", "dew point at the origin",
           "°F", "-9.94 to 78.08", 0.0047, "feature"),
    Column("humidity_pct", "float32", "relative humidity at the origin",
           "%", "12.74 to 100", 0.0047, "feature"),
    Column("wind_dir_deg", "float32",
           "direction the wind comes from at the origin, 0 = calm, 360 = north",
           "degrees", "0 to 360", 0.0291, "feature"),
    Column("wind_speed_mph", "float32", "wind speed at the origin",
           "mph", "0 to 42.5789", 0.0049, "feature"),
    Column("wind_gust_mph", "float32",
           "speed of gusts at the origin, missing when there were none",
           "mph", "16.1109 to 66.7452", 0.7613, "feature"),
    Column("precip_in", "float32", "precipitation in the hour at the origin",
           "inches", "0 to 1.21", 0.0046, "feature"),
    Column("pressure_hpa", "float32", "sea level pressure at the origin",
           "hPa", "983.8 to 1042.1", 0.1152, "feature"),
    Column("visibility_miles", "float32",
           "visibility at the origin, reported up to 10",
           "miles", "0 to 10", 0.0046, "feature"),
    Column("plane_year", "int64", "year the aircraft was built",
           "year", "1956 to 2013", 0.172, "feature"),
    Column("plane_type", "string", "type of aircraft",
           "", "3 values", 0.1562, "feature"),
    Column("plane_manufacturer", "string", "maker of the aircraft",
           "", "35 values", 0.1562, "feature"),
    Column("plane_model", "string", "model of the aircraft",
           "", "127 values", 0.1562, "feature"),
    Column("plane_engines", "int64", "number of engines",
           "", "1 to 4", 0.1562, "feature"),
    Column("plane_seats", "int64", "number of seats",
           "", "2 to 450", 0.1562, "feature"),
    Column("plane_engine", "string", "type of engine",
           "", "6 values", 0.1562, "feature"),
    Column("dest_lat_deg", "float32", "latitude of the destination, north positive",
           "degrees", "21.3187 to 61.1744", 0.0226, "feature"),
    Column("dest_lon_deg", "float32", "longitude of the destination, east positive",
           "degrees", "-157.922 to -68.8281", 0.0226, "feature"),
    Column("dest_alt_ft", "float32", "altitude of the destination",
           "feet", "3 to 6602", 0.0226, "feature"),
    Column("dest_utc_offset_h", "float32",
           "standard time of the destination minus UTC, daylight saving not counted",
           "hours", "-10 to -5", 0.0226, "feature"),
    Column("is_late", "int64",
           "label: 1 if it arrived more than 15 minutes late, else 0",
           "", "0 to 1", 0.028, "label"),
)
# fmt: on

"""Joins flights with weather, aircraft and destination into the columns of a span.

Every feature is known at the scheduled departure. Of what happens later only
`arr_delay` is passed in, and only `late_label` sees it.
"""

import pyarrow as pa
import pyarrow.compute as pc

from data.flights.columns import COLUMNS, arrow_schema

LATE_AFTER_MIN = 15
MINUTES_PER_DAY = 24 * 60


def join_tables(
    flights: pa.Table, weather: pa.Table, planes: pa.Table, airports: pa.Table
) -> pa.Table:
    """Returns one row per flight, sorted by event_time, then flight_id.

    A flight without weather, aircraft or airport keeps its row, with nulls.

    Args:
        flights: As read by `nyc_csv.read_csv("flights")`; likewise the other three.
        weather: At most one row for each origin and time_hour.
        planes: At most one row for each tailnum.
        airports: At most one row for each faa.

    Returns:
        The columns of `columns.COLUMNS`, in that order and of those types.
    """
    columns = {
        **_flight_columns(flights),
        **_weather_columns(flights, weather),
        **_plane_columns(flights, planes),
        **_dest_columns(flights, airports),
        "is_late": late_label(flights["arr_delay"]),
    }
    table = pa.table({column.name: columns[column.name] for column in COLUMNS})
    order = [("event_time", "ascending"), ("flight_id", "ascending")]
    return table.cast(arrow_schema()).sort_by(order)


def late_label(arr_delay_min: pa.ChunkedArray) -> pa.ChunkedArray:
    """Returns the label: 1 if the flight arrives more than 15 minutes late, else 0.

    Args:
        arr_delay_min: int64. Minutes after the scheduled arrival, negative if early;
            null if the flight was cancelled or diverted.

    Returns:
        int64, null where `arr_delay_min` is. Exactly 15 minutes are not late.
    """
    return pc.cast(pc.greater(arr_delay_min, LATE_AFTER_MIN), pa.int64())


def minute_of_day(clock: pa.ChunkedArray) -> pa.ChunkedArray:
    """Turns local clock times as the source writes them into minutes of the day.

    Args:
        clock: int64. Hours times 100 plus minutes, 0 to 2400; 517 is 05:17.

    Returns:
        int64 in [0, 1439]. 2400 is midnight, 0; the two scheduled times never have
        it in 2013, the actual ones do.
    """
    hour = pc.divide(clock, 100)
    minute = pc.subtract(clock, pc.multiply(hour, 100))
    midnight = pc.greater_equal(clock, 2400)
    return pc.if_else(midnight, 0, pc.add(pc.multiply(hour, 60), minute))


def _flight_columns(flights: pa.Table) -> dict[str, pa.ChunkedArray]:
    date = pc.binary_join_element_wise(
        flights["year"], _two_digits(flights["month"]), _two_digits(flights["day"]), "-"
    )
    hour_start = pc.cast(flights["time_hour"], pa.timestamp("s", tz="UTC"))
    minutes = pc.cast(pc.multiply(flights["minute"], 60), pa.duration("s"))
    return {
        "flight_id": _flight_id(flights, date),
        "event_time": pc.add(hour_start, minutes),
        "month": flights["month"],
        "day_of_month": flights["day"],
        "day_of_week": pc.day_of_week(pc.cast(date, pa.date32())),
        "sched_dep_minute": minute_of_day(flights["sched_dep_time"]),
        "sched_dep_hour": pc.divide(flights["sched_dep_time"], 100),
        "sched_arr_minute": minute_of_day(flights["sched_arr_time"]),
        "carrier": flights["carrier"],
        "flight_number": flights["flight"],
        "tailnum": flights["tailnum"],
        "origin": flights["origin"],
        "dest": flights["dest"],
        "distance_miles": flights["distance"],
    }


def _flight_id(flights: pa.Table, date: pa.ChunkedArray) -> pa.ChunkedArray:
    """Returns local date, carrier and number, origin, local clock time.

    Date, carrier, number and origin are already unique over 2013; without the origin
    24 rows are not. The time makes two legs of one flight readable in order.
    """
    number = pc.binary_join_element_wise(
        flights["carrier"], pc.cast(flights["flight"], pa.string()), ""
    )
    clock = pc.utf8_lpad(pc.cast(flights["sched_dep_time"], pa.string()), 4, "0")
    return pc.binary_join_element_wise(date, number, flights["origin"], clock, "_")


def _weather_columns(
    flights: pa.Table, weather: pa.Table
) -> dict[str, pa.ChunkedArray]:
    keys = [
        pc.binary_join_element_wise(table["origin"], table["time_hour"], " ")
        for table in (flights, weather)
    ]
    found = _look_up(keys[0], weather, keys[1])
    return {
        "temp_f": found["temp"],
        "dewpoint_f": found["dewp"],
        "humidity_pct": found["humid"],
        "wind_dir_deg": found["wind_dir"],
        "wind_speed_mph": found["wind_speed"],
        "wind_gust_mph": found["wind_gust"],
        "precip_in": found["precip"],
        "pressure_hpa": found["pressure"],
        "visibility_miles": found["visib"],
    }


def _plane_columns(flights: pa.Table, planes: pa.Table) -> dict[str, pa.ChunkedArray]:
    found = _look_up(flights["tailnum"], planes, planes["tailnum"])
    names = ("year", "type", "manufacturer", "model", "engines", "seats", "engine")
    return {f"plane_{name}": found[name] for name in names}


def _dest_columns(flights: pa.Table, airports: pa.Table) -> dict[str, pa.ChunkedArray]:
    found = _look_up(flights["dest"], airports, airports["faa"])
    return {
        "dest_lat_deg": found["lat"],
        "dest_lon_deg": found["lon"],
        "dest_alt_ft": found["alt"],
        "dest_utc_offset_h": found["tz"],
    }


def _look_up(
    keys: pa.ChunkedArray, table: pa.Table, table_keys: pa.ChunkedArray
) -> pa.Table:
    """Returns, for each key, its row of the table; nulls where there is none."""
    rows = pc.index_in(keys, value_set=table_keys.combine_chunks())
    return table.take(rows.combine_chunks())


def _two_digits(number: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.utf8_lpad(pc.cast(number, pa.string()), 2, "0")

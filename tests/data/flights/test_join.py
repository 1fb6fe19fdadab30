"""The join, against rows looked up by hand in the source's CSV files."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from data.flights.columns import LEAK_COLUMNS, arrow_schema
from data.flights.join import join_tables, late_label, minute_of_day
from data.flights.nyc_csv import read_csv

NEW_YORK = ZoneInfo("America/New_York")

# grep -E '^2013,1,1,517,515,'     flights.csv   N14228, arr_delay 11
# grep -E '^EWR,2013,1,1,5,'       weather.csv
# grep ^N14228 planes.csv, grep ^IAH airports.csv
UA1545 = {
    "event_time": datetime(2013, 1, 1, 10, 15, tzinfo=UTC),
    "month": 1, "day_of_month": 1, "day_of_week": 1,
    "sched_dep_minute": 5 * 60 + 15, "sched_dep_hour": 5,
    "sched_arr_minute": 8 * 60 + 19,
    "carrier": "UA", "flight_number": 1545, "tailnum": "N14228",
    "origin": "EWR", "dest": "IAH", "distance_miles": 1400.0,
    "temp_f": 39.02, "dewpoint_f": 28.04, "humidity_pct": 64.43,
    "wind_dir_deg": 260.0, "wind_speed_mph": 12.65858, "wind_gust_mph": None,
    "precip_in": 0.0, "pressure_hpa": 1011.9, "visibility_miles": 10.0,
    "plane_year": 1999, "plane_type": "Fixed wing multi engine",
    "plane_manufacturer": "BOEING", "plane_model": "737-824",
    "plane_engines": 2, "plane_seats": 149, "plane_engine": "Turbo-fan",
    "dest_lat_deg": 29.984433, "dest_lon_deg": -95.341442, "dest_alt_ft": 97.0,
    "dest_utc_offset_h": -6.0, "is_late": 0,
}  # fmt: skip
# Late evening: the UTC date is the next day's; PSE is not in airports.csv.
B6739 = {
    "event_time": datetime(2013, 2, 1, 4, 59, tzinfo=UTC),
    "month": 1, "day_of_month": 31, "day_of_week": 3, "sched_dep_minute": 1439,
    "sched_dep_hour": 23,
    "sched_arr_minute": 4 * 60 + 44, "dest": "PSE", "dest_lat_deg": None,
    "wind_gust_mph": 35.67418, "pressure_hpa": 1009.4, "is_late": 0,
}  # fmt: skip
# Cancelled: no tail number, no aircraft, no label.
US1632 = {
    "event_time": datetime(2013, 7, 27, 5, 6, tzinfo=UTC),
    "sched_dep_minute": 66, "tailnum": None, "plane_year": None,
    "plane_type": None, "distance_miles": 17.0, "humidity_pct": 86.66,
    "dest": "LGA", "is_late": None,
}  # fmt: skip
# Late by 33 minutes; other columns of the same hour at another airport.
AA1141 = {"origin": "JFK", "wind_speed_mph": 14.96014, "plane_year": 1990, "is_late": 1}


@pytest.mark.parametrize(
    ("flight_id", "expected"),
    [
        ("2013-01-01_UA1545_EWR_0515", UA1545),
        ("2013-01-31_B6739_JFK_2359", B6739),
        ("2013-07-27_US1632_EWR_0106", US1632),
        ("2013-01-01_AA1141_JFK_0540", AA1141),
        # 15 minutes late is not late, 16 are.
        ("2013-01-01_B6905_JFK_0830", {"is_late": 0}),
        ("2013-01-01_MQ4401_LGA_0605", {"is_late": 1}),
        # 30 and 31 December: no weather.
        ("2013-12-31_HA51_JFK_0930", {"temp_f": None, "dest_utc_offset_h": -10.0}),
    ],
)
def test_row_holds_what_the_source_says(flights_table, flight_id, expected):
    [row] = flights_table.filter(
        pc.equal(flights_table["flight_id"], flight_id)
    ).to_pylist()

    assert {name: row[name] for name in expected} == {
        name: as_float32(value) for name, value in expected.items()
    }


def as_float32(value: object) -> object:
    return pa.scalar(value, pa.float32()).as_py() if type(value) is float else value


@pytest.mark.parametrize(
    ("flight_id", "hour_utc"),
    [
        ("2013-03-09_DL461_LGA_0600", 11),
        ("2013-03-10_DL461_LGA_0600", 10),
        ("2013-11-02_DL563_LGA_0600", 10),
        ("2013-11-03_DL1377_LGA_0600", 11),
    ],
    ids=["last day of winter", "clocks forward", "last of summer", "clocks back"],
)
def test_event_time_follows_daylight_saving(flights_table, flight_id, hour_utc):
    at = flights_table["event_time"].filter(
        pc.equal(flights_table["flight_id"], flight_id)
    )

    assert [moment.hour for moment in at.to_pylist()] == [hour_utc]


def test_every_event_time_is_the_local_schedule(flights_table):
    sample = flights_table.take(list(range(0, len(flights_table), 97))).to_pylist()
    local = [row["event_time"].astimezone(NEW_YORK) for row in sample]

    assert [(at.month, at.day, at.weekday()) for at in local] == [
        (row["month"], row["day_of_month"], row["day_of_week"]) for row in sample
    ]
    assert [at.hour * 60 + at.minute for at in local] == [
        row["sched_dep_minute"] for row in sample
    ]


def test_all_flights_are_there_once_and_in_order(flights_table):
    assert flights_table.schema == arrow_schema()
    assert flights_table.num_rows == 336_776
    assert pc.count_distinct(flights_table["flight_id"]).as_py() == 336_776
    assert flights_table["is_late"].null_count == 9_430
    order = [("event_time", "ascending"), ("flight_id", "ascending")]
    assert flights_table.sort_by(order) == flights_table


def test_no_leak_is_in_the_table(flights_table):
    assert not set(flights_table.column_names) & set(LEAK_COLUMNS)


def test_arrival_delay_reaches_only_the_label():
    flights = read_csv("flights").slice(0, 2000)
    other = flights.set_column(
        flights.schema.get_field_index("arr_delay"),
        "arr_delay",
        pa.array([999] * len(flights), pa.int64()),
    )
    rest = [read_csv(name) for name in ("weather", "planes", "airports")]

    real, changed = join_tables(flights, *rest), join_tables(other, *rest)

    assert changed.drop_columns("is_late") == real.drop_columns("is_late")
    assert set(changed["is_late"].to_pylist()) == {1}


def test_empty_table_gives_no_rows():
    tables = (read_csv(name) for name in ("flights", "weather", "planes", "airports"))

    assert join_tables(*(table.slice(0, 0) for table in tables)).num_rows == 0


def test_more_than_fifteen_minutes_is_late():
    delays = pa.chunked_array([[-5, 15, 16, None]], pa.int64())

    assert late_label(delays).to_pylist() == [0, 0, 1, None]


def test_clock_times_become_minutes_and_2400_is_midnight():
    clock = pa.chunked_array([[0, 1, 59, 100, 1530, 2359, 2400, None]], pa.int64())

    assert minute_of_day(clock).to_pylist() == [0, 1, 59, 60, 930, 1439, 0, None]

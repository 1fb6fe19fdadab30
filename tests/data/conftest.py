"""Fixtures of the data tests: the real rows of 2013, read once."""

import pyarrow as pa
import pytest

from data.flights import source


@pytest.fixture(scope="session")
def flights_table() -> pa.Table:
    return source.load_table()

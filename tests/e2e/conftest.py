"""Runs the command line as a person does: in a process of its own, on real rows."""

import pytest

from data.flights.source import prepare_sample
from tests.e2e.project import ROWS_PER_SPAN, Project


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    """Three months of real flights; each test module gets its own."""
    made = Project(tmp_path_factory.mktemp("project"))
    prepare_sample(made.spans, ROWS_PER_SPAN, [1, 2, 3])
    return made

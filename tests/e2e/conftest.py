"""Runs the command line as a person does: in a process of its own, on real rows."""

import pytest

from data.flights.source import prepare_sample
from tests.e2e.project import ROWS_PER_SPAN, SPLIT, Done, Project


@pytest.fixture(scope="session")
def untouched(tmp_path_factory) -> Project:
    """Three months of real flights, and no run yet; not to be run."""
    made = Project(tmp_path_factory.mktemp("untouched"))
    prepare_sample(made.spans, ROWS_PER_SPAN, [1, 2, 3])
    return made


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Project:
    """One work folder for all tests: a full run takes a minute, a partial one seconds.

    Its version 1 is what `first_run` pushed.
    """
    made = Project(tmp_path_factory.mktemp("project"))
    prepare_sample(made.spans, ROWS_PER_SPAN, [1, 2, 3])
    return made


@pytest.fixture(scope="session")
def first_run(project) -> Done:
    """The first run of all, on the command line."""
    return project.run_command(SPLIT)

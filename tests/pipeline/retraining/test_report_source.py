"""The monitor is run on a prediction log, as far back as the triggers look."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from pipeline.pipeline_argument import find_config
from pipeline.retraining.report_source import from_log
from serving.bundle.contract import read_contract
from serving.prediction_log.logged_request import ClientFacts
from tests.serving.prediction_log.rides_log import ride, rides, written

KEPT = Path(__file__).parents[2] / "serving" / "bundles" / "v2"
MILES = np.random.default_rng(0).gamma(4, 50, 300)


@pytest.fixture
def overrides(tmp_path):
    return {
        "name": "rides",
        "deployment.model_base_path": str(tmp_path / "models"),
        "retraining": {"drift": {"windows": 1, "of_last": 2}},
        "monitoring.window": "1d",
    }


def push(tmp_path):
    version = read_contract(KEPT).contract.model.version
    shutil.copytree(KEPT, tmp_path / "models" / "rides" / str(version))
    return version


def on(day):
    return ride(
        f"r{day}",
        rides(MILES),
        facts=ClientFacts(event_time=f"2026-01-{day:02d}T10:00:00Z"),
    )


def test_the_windows_are_of_the_served_version_and_not_older_than_needed(
    tmp_path, overrides
):
    version = push(tmp_path)
    assert version == 1  # what the log says it was
    written(tmp_path / "log", [on(day) for day in (1, 2, 10, 11)])
    fact = from_log(find_config("flights"), overrides, tmp_path / "log")()
    assert (fact.path, fact.version) == ("", 1)
    # Twice four days before the newest row, 11 January.
    assert [window.start.day for window in fact.windows] == [10, 11]
    assert [window.num_rows for window in fact.windows] == [300, 300]


def test_without_rows_or_a_served_version_there_is_no_report(tmp_path, overrides):
    read = from_log(find_config("flights"), overrides, tmp_path / "log")
    written(tmp_path / "log", [on(1)])
    assert read() is None
    push(tmp_path)
    shutil.rmtree(tmp_path / "log")
    assert read() is None

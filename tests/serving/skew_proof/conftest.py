"""Rides that a model answered, written by the log's own writer."""

import shutil

import pytest

from tests.serving.skew_proof.ride_log import write_rides


@pytest.fixture(scope="session")
def rides_log(built_tiny_bundle, tmp_path_factory):
    """A log of 300 rides that the bundle itself answered."""
    return write_rides(built_tiny_bundle, tmp_path_factory.mktemp("log"))


@pytest.fixture(scope="session")
def swapped(built_tiny_bundle, tmp_path_factory):
    """A copy of the bundle whose vocabulary has another word in line 2: for reading."""
    copy = tmp_path_factory.mktemp("served") / "rides" / "1"
    shutil.copytree(built_tiny_bundle, copy)
    (copy / "assets" / "carriers").write_text("UA\nQQ\nEV\nDL\n")
    return copy


@pytest.fixture(scope="session")
def swapped_log(swapped, tmp_path_factory):
    """A log of 300 rides that this copy answered."""
    return write_rides(swapped, tmp_path_factory.mktemp("swapped_log"))

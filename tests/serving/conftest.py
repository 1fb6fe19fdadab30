"""Bundles for the tests of this folder; the model is built once a session."""

import shutil

import pytest


@pytest.fixture(scope="session")
def built_tiny_bundle(tmp_path_factory):
    """The tiny bundle itself: for reading only."""
    from tests.serving.tiny_bundle import build_tiny_bundle

    return build_tiny_bundle(tmp_path_factory.mktemp("models") / "rides" / "1")


@pytest.fixture
def tiny_bundle(built_tiny_bundle, tmp_path):
    """A copy of the tiny bundle for one test: {tmp_path}/models/rides/1."""
    return shutil.copytree(built_tiny_bundle, tmp_path / "models" / "rides" / "1")

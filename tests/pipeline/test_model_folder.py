"""A bundle is named by its folder, its pipeline, or its pipeline and version."""

import pytest

from pipeline import model_folder
from pipeline.model_folder import find_bundle
from pipeline.settings_loader import ConfigError
from serving.versions.errors import VersionsError


@pytest.fixture
def model_dir(tmp_path, monkeypatch):
    folder = tmp_path / "models" / "flights"
    monkeypatch.setattr(model_folder, "find_model_dir", lambda *_: folder)
    return folder


def test_folder_is_taken_as_it_is(tmp_path):
    assert find_bundle(str(tmp_path)) == tmp_path


def test_pipeline_stands_for_the_version_that_is_served(model_dir):
    for version in ("1", "2", "held/3"):
        (model_dir / version).mkdir(parents=True)
    assert find_bundle("flights") == model_dir / "2"
    assert find_bundle("flights/1") == model_dir / "1"
    assert find_bundle("flights/3") == model_dir / "held" / "3"


def test_version_that_is_not_there_names_those_that_are(model_dir):
    (model_dir / "2").mkdir(parents=True)
    with pytest.raises(VersionsError, match=r"no version 7 in .*: 2 visible, none"):
        find_bundle("flights/7")


@pytest.mark.usefixtures("model_dir")
def test_pipeline_without_a_version_says_how_to_make_one():
    with pytest.raises(ConfigError, match="Make one: slipway run flights"):
        find_bundle("flights")


@pytest.mark.parametrize("name", ["flihgts", "flights/latest", "/absent/1", ""])
def test_what_is_neither_is_refused(name):
    with pytest.raises(ConfigError, match="which is no folder and no pipeline"):
        find_bundle(name)

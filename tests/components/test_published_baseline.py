"""The served version as the baseline of a cluster without resolvers."""

import pytest
from tfx.types.standard_artifacts import Model

from components.published_baseline.component import PublishedBaseline
from components.published_baseline.found import found_baseline


@pytest.fixture
def models(tmp_path):
    for version in (1, 2):
        folder = tmp_path / f"models/flights/{version}"
        (folder / "assets.extra").mkdir(parents=True)
        (folder / "variables").mkdir()
        (folder / "saved_model.pb").write_text(f"model {version}")
        (folder / "assets.extra/contract.json").write_text("{}")
    (tmp_path / "models/flights/held/3").mkdir(parents=True)
    return tmp_path / "models"


def run(models, uri) -> Model:
    model = Model()
    model.uri = str(uri)
    PublishedBaseline.EXECUTOR_SPEC.executor_class._FUNCTION(
        model=model, model_base_path=str(models), model_name="flights"
    )
    return model


def test_the_served_version_is_copied_without_its_papers(models, tmp_path):
    model = run(models, tmp_path / "out")
    found = sorted(
        str(path.relative_to(tmp_path / "out/Format-Serving"))
        for path in (tmp_path / "out/Format-Serving").rglob("*")
    )

    assert found == ["saved_model.pb", "variables"]
    assert (tmp_path / "out/Format-Serving/saved_model.pb").read_text() == "model 2"
    assert model.get_int_custom_property("version") == 2
    assert found_baseline(model) is model


def test_where_nothing_is_served_yet_the_baseline_is_marked_absent(tmp_path):
    model = run(tmp_path / "models", tmp_path / "out")

    assert not (tmp_path / "out").exists()
    assert model.get_int_custom_property("is_absent") == 1
    assert found_baseline(model) is None


def test_a_model_of_another_origin_is_a_baseline():
    model = Model()

    assert found_baseline(model) is model
    assert found_baseline(None) is None

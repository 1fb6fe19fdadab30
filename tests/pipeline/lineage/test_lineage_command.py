"""What `slipway lineage` says."""

import json
import shutil
import sys

import pytest
import typer
from typer.testing import CliRunner

from pipeline.lineage_command import lineage
from pipeline.settings_loader import ConfigError
from serving.versions.errors import VersionsError
from tests.pipeline.lineage.workshop import build_workshop
from tests.serving.versions.paper_bundle import write_paper_bundle

app = typer.Typer(rich_markup_mode=None)
app.command()(lineage)


@pytest.fixture
def workshop(project):
    return build_workshop(project.folder)


def invoke(project, *arguments):
    config = str(project.folder / "pipeline.yaml")
    return CliRunner().invoke(app, [*arguments, "--pipeline", config])


def told(project, *arguments):
    result = invoke(project, *arguments)
    assert result.exit_code == 0, result.exception
    return " ".join(result.output.split())


def test_tree_tells_contract_and_chain(workshop, project):
    text = told(project, "1")
    made = workshop.ids["a"]
    for part in (
        "flights version 1 visible, bundle",
        "run b of pipeline flights",
        "code " + "c0de" * 10,
        "2 spans: 800 rows to train",
        "span 1 1,001 rows 010101010101",
        "schema 5c5c5c5c5c5c",
        "verdict all 2 bounds are met",
        "auc 0.71",
        f"trainer 3: Model {made['model']} <- {made['graph']}, {made['transformed']}",
        f"model/{made['model']}",
        "reused from the cache; run a made",
    ):
        assert part in text
    assert "compared with Model" in told(project, "2")


def test_json_has_all_of_it(workshop, project):
    document = json.loads(invoke(project, "2", "--span", "2", "--json").output)
    (bundle,) = document["bundles"]
    assert bundle["place"] == "served"
    assert bundle["run"]["run_id"] == "c"
    assert [span["span"] for span in bundle["data"]["spans"]] == [2, 3]
    assert bundle["steps"][0]["node_id"] == "pusher"
    assert bundle["steps"][-1]["outputs"][0]["type_name"] == "Examples"
    assert bundle["steps"][-1]["outputs"][0]["is_there"]
    assert bundle["compared_with"][0]["artifact_id"] == workshop.ids["a"]["model"]
    versions = [reader["version"] for reader in document["span_readers"]]
    assert versions == [1, 2]
    assert document["notes"] == []


def test_span_alone_lists_its_readers(workshop, project):
    workshop.train("d", [2])
    text = told(project, "--span", "2")
    assert "models that have read span 2" in text
    assert "1 b 020202020202 artifact" in text
    assert "never pushed: its run ended" in text
    assert told(project, "--span", "8") == "no model has read span 8."


@pytest.mark.usefixtures("workshop")
def test_contract_answers_where_the_metadata_is_gone(project):
    shutil.rmtree(project.folder / "work")
    text = told(project, "2")
    assert "run c of pipeline flights" in text
    assert "! the metadata was not read: there is no" in text
    assert "! the metadata was not read" in told(project, "--span", "2")


@pytest.mark.usefixtures("workshop")
def test_contract_answers_where_ml_metadata_is_not_installed(project, monkeypatch):
    for name in ("ml_metadata", "ml_metadata.metadata_store"):
        monkeypatch.setitem(sys.modules, name, None)
    for name in ("metadata_graph", "chain", "view", "span_readers"):
        monkeypatch.delitem(sys.modules, f"pipeline.lineage.{name}", raising=False)
    monkeypatch.delitem(sys.modules, "pipeline.metadata.connection", raising=False)
    text = told(project, "2", "--span", "2")
    assert "run c of pipeline flights" in text
    assert "metadata_store is not installed. What is said here, the contract" in text
    assert "models that have read span 2" in text


def test_bundle_folder_elsewhere_is_read_with_its_own_pipeline(tmp_path):
    write_paper_bundle(tmp_path / "rides", 1, name="no_pipeline")
    output = CliRunner().invoke(app, [str(tmp_path / "rides")]).output
    text = " ".join(output.split())
    assert "no_pipeline version 1 elsewhere, bundle" in text
    assert "there is no pipeline 'no_pipeline'" in text


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((), ConfigError, "name what to trace"),
        (("nothing.csv",), ConfigError, "neither a version's number nor a file"),
        (("9",), VersionsError, "there is no version 9 in"),
    ],
)
@pytest.mark.usefixtures("workshop")
def test_wrong_use_is_told(project, arguments, error, message):
    result = invoke(project, *arguments)
    assert isinstance(result.exception, error)
    assert result.exception.exit_code == 2
    assert message in str(result.exception)


def test_help_has_an_example():
    assert "Example:" in CliRunner().invoke(app, ["--help"]).output

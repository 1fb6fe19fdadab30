"""The artifacts of the run that pushed a bundle, from a real metadata store."""

import dataclasses

import pytest

from pipeline.serving_skew.run_artifacts import artifact_finder, find_artifacts
from serving.bundle.contract import read_contract
from serving.skew_proof.reference import RunArtifacts
from tests.pipeline.lineage.workshop import build_workshop


@pytest.fixture
def workshop(project):
    return build_workshop(project.folder)


def sealed_of(workshop, version):
    return read_contract(workshop.model_dir / str(version))


def uri_of(workshop, run, name):
    graph = workshop.graph()
    kinds = {"graph": "TransformGraph", "model": "Model"}
    facts = graph.artifacts_of_type(kinds[name])
    made = workshop.ids[run][name]
    return next(one.uri for one in facts if one.artifact_id == made)


def test_the_graph_and_model_of_the_bundles_own_run_are_found(workshop):
    model = uri_of(workshop, "c", "model")
    saved = workshop.metadata.path.parent / "artifacts"
    assert str(saved) in model
    (serving := saved.parent / model / "Format-Serving").mkdir()
    sealed = sealed_of(workshop, 2)
    found = find_artifacts(workshop.graph(), sealed)
    assert str(found.transform_graph) == uri_of(workshop, "c", "graph")
    assert found.model == serving
    assert found.pushed_digest == sealed.digest


def test_what_was_deleted_is_not_named(workshop):
    found = find_artifacts(workshop.graph(), sealed_of(workshop, 2))
    # The Model's folder is there; the SavedModel in it is not.
    assert found.model is None


def test_a_contract_written_anew_leads_to_the_digest_that_was_pushed(workshop):
    sealed = sealed_of(workshop, 2)
    other = dataclasses.replace(sealed, digest="f" * 64)
    found = find_artifacts(workshop.graph(), other)
    assert found.pushed_digest == sealed.digest
    assert str(found.transform_graph) == uri_of(workshop, "c", "graph")


def test_a_bundle_of_another_work_dir_has_no_artifacts(workshop):
    sealed = sealed_of(workshop, 2)
    run = dataclasses.replace(sealed.contract.run, run_id="elsewhere")
    contract = dataclasses.replace(sealed.contract, run=run)
    other = dataclasses.replace(sealed, contract=contract, digest="f" * 64)
    assert find_artifacts(workshop.graph(), other) == RunArtifacts()


def test_without_metadata_the_reason_is_told(workshop, tmp_path):
    notes = []
    find = artifact_finder(str(tmp_path / "nowhere.yaml"), notes.append)
    assert find(sealed_of(workshop, 2)) == RunArtifacts()
    assert len(notes) == 1
    assert "the run's artifacts were not looked for" in notes[0]

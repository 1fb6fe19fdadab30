"""Lineage and gc on a server are those of the file that was copied there."""

import dataclasses

import pytest

from pipeline.garbage import find_garbage
from pipeline.lineage.chain import trace_chain
from pipeline.lineage.metadata_graph import MetadataGraph
from pipeline.lineage.span_readers import find_span_readers
from pipeline.lineage.subjects import read_bundles
from pipeline.metadata.copying import copy_to_server
from pipeline.metadata.errors import MetadataError, MetadataUnavailableError
from pipeline.node_cache.known_uris import known_uris
from pipeline.run_record import WorkDir
from tests.pipeline.lineage.workshop import build_workshop
from tests.pipeline.metadata.database import free_port


@pytest.fixture
def work(tmp_path, server):
    """A workshop of three runs, whose metadata is on the server too."""
    made = build_workshop(tmp_path)
    copy_to_server(made.metadata.path, server)
    return made


def test_chains_of_models_are_the_same(work, server):
    bundles = read_bundles(work.model_dir)
    assert len(bundles) == 2
    for _, sealed in bundles:
        expected = trace_chain(MetadataGraph(work.metadata.path), sealed)
        assert trace_chain(MetadataGraph(server), sealed) == expected


def test_readers_of_a_span_are_the_same(work, server):
    bundles = read_bundles(work.model_dir)
    expected = find_span_readers(2, bundles, MetadataGraph(work.metadata.path))
    assert len(expected) == 2
    assert find_span_readers(2, bundles, MetadataGraph(server)) == expected


@pytest.mark.usefixtures("work")
def test_pipeline_sees_its_own_models_only(server):
    assert len(MetadataGraph(server).artifacts_of_type("Model")) == 2
    other = dataclasses.replace(server, pipeline="rides")
    assert MetadataGraph(other).artifacts_of_type("Model") == []


def test_artifacts_are_known_by_the_same_ids(work, server):
    ids = [1, 2, 3, 99]
    expected = known_uris(work.metadata.path, ids)
    assert set(expected) == {1, 2, 3}
    assert known_uris(server, ids) == expected
    assert known_uris(server, []) == {}


def test_gc_keeps_what_it_cannot_ask_about(mariadb, tmp_path):
    """No answer must not pass for "there is no baseline to keep"."""
    down = mariadb.server("slipway", port=free_port())
    with pytest.raises(MetadataUnavailableError):
        find_garbage(
            WorkDir(tmp_path / "work", down),
            tmp_path / "models",
            keep_last=1,
            keep_deployed=True,
        )
    work_dir = WorkDir(tmp_path / "work")
    work_dir.path.mkdir()
    work_dir.metadata_path.write_text("no database")
    with pytest.raises(MetadataError, match="cannot be read"):
        find_garbage(work_dir, tmp_path / "models", keep_last=1, keep_deployed=True)

"""Nothing is lost on the way to a server, and nothing half arrives."""

import sqlite3

import pytest
from ml_metadata.proto import metadata_store_pb2 as pb

from pipeline.metadata.connection import CREATE, WRITE, open_store
from pipeline.metadata.copying import copy_to_server
from pipeline.metadata.counts import count_nodes
from pipeline.metadata.errors import MetadataError, MetadataRefusedError
from tests.pipeline.metadata.database import EXACT
from tests.pipeline.metadata.filled_store import contents, fill


@pytest.fixture(scope="session")
def filled(tmp_path_factory):
    """A store that is only read."""
    path = tmp_path_factory.mktemp("filled") / "metadata.sqlite"
    fill(path)
    return path


@pytest.mark.parametrize(
    "kind",
    [
        EXACT,
        "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        "CHARACTER SET binary",
    ],
    ids=["latin1", "utf8mb4", "binary"],
)
def test_everything_arrives_as_it_was(mariadb, filled, kind):
    server = mariadb.server(mariadb.new_database(kind))
    num_rows = copy_to_server(filled, server)
    assert num_rows["Artifact"] == num_rows["Execution"] == num_rows["Event"] == 3
    assert num_rows["Context"] == 2
    assert num_rows["ParentContext"] == 1
    before, after = contents(filled), contents(server)
    for name, told in before.items():
        assert told, f"the test shows nothing of {name}"
        assert after[name] == told


def test_what_comes_next_has_ids_of_its_own(server, filled):
    copy_to_server(filled, server)
    store = open_store(server, CREATE)
    kind = store.get_artifact_type("Model", "v2").id
    assert store.put_artifacts([pb.Artifact(type_id=kind)]) == [4]


def test_copying_again_changes_nothing(server, filled):
    first = copy_to_server(filled, server)
    assert copy_to_server(filled, server) == first


def test_database_with_something_else_is_left_alone(server, filled):
    copy_to_server(filled, server)
    store = open_store(server, CREATE)
    (artifact, *_) = store.get_artifacts()
    artifact.uri = "/elsewhere"
    store.put_artifacts([artifact])
    with pytest.raises(MetadataRefusedError) as caught:
        copy_to_server(filled, server)
    assert str(caught.value) == (
        f"{server} holds 3 rows of Artifact that are not the 3 of the file. Name a "
        "database that is empty; nothing was changed."
    )
    assert "/elsewhere" in [each.uri for each in store.get_artifacts()]


def test_copy_that_fails_leaves_nothing(server, tmp_path):
    """A server takes 'a' and 'a ' for one name; SQLite does not."""
    path = tmp_path / "metadata.sqlite"
    fill(path)
    store = open_store(path, WRITE)
    kind = store.get_context_type("pipeline_run").id
    store.put_contexts([pb.Context(type_id=kind, name="r1 ")])
    with pytest.raises(MetadataRefusedError, match="Duplicate entry"):
        copy_to_server(path, server)
    assert set(count_nodes(server).values()) == {0}


@pytest.mark.usefixtures("server")
def test_file_of_an_older_version_is_refused(server, tmp_path):
    path = tmp_path / "metadata.sqlite"
    fill(path)
    with sqlite3.connect(path) as store:
        store.execute("UPDATE MLMDEnv SET schema_version = 8")
    with pytest.raises(MetadataRefusedError) as caught:
        copy_to_server(path, server)
    assert str(caught.value) == (
        f"{path} has tables of version 8; expected 10: run `slipway metadata upgrade` "
        "first, with engine: sqlite."
    )


def test_file_that_is_no_store_is_named(server, tmp_path):
    path = tmp_path / "metadata.sqlite"
    with pytest.raises(MetadataError, match=r"there is no .*metadata\.sqlite"):
        copy_to_server(path, server)
    path.write_text("no database")
    with pytest.raises(MetadataError, match="cannot be read: file is not a database"):
        copy_to_server(path, server)

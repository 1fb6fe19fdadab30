"""Older tables are brought up to date, with a way back."""

import sqlite3

import pytest
from ml_metadata.metadata_store.pywrap.metadata_store_extension import (
    metadata_store as raw_store,
)
from ml_metadata.proto import metadata_store_pb2 as pb

from pipeline.metadata.connection import (
    CREATE,
    READ,
    WRITE,
    connection_config,
    open_store,
)
from pipeline.metadata.errors import MetadataRefusedError
from pipeline.metadata.server_check import SCHEMA_VERSION, check_server, prepare_server
from pipeline.metadata.tables import file_version
from pipeline.metadata.upgrading import upgrade, version_of
from tests.pipeline.metadata.filled_store import fill


def downgrade(place, version):
    """Has MLMD itself turn a store into one of an older version."""
    options = pb.MigrationOptions(downgrade_to_schema_version=version)
    config = connection_config(place, WRITE)
    with pytest.raises(RuntimeError, match="Downgrade migration was performed"):
        raw_store.CreateMetadataStore(
            config.SerializeToString(), options.SerializeToString()
        )


def put_artifact(place):
    """Writes what older versions can hold too."""
    store = open_store(place, CREATE)
    kind = store.put_artifact_type(pb.ArtifactType(name="Model"))
    made = pb.Artifact(type_id=kind, uri="/one")
    made.custom_properties["note"].string_value = "as it was"
    store.put_artifacts([made])


def notes(place):
    return [
        (each.uri, each.custom_properties["note"].string_value)
        for each in open_store(place, READ).get_artifacts()
    ]


@pytest.fixture
def old_file(tmp_path):
    path = tmp_path / "metadata.sqlite"
    put_artifact(path)
    downgrade(path, 8)
    return path


def test_version_is_that_of_the_library(tmp_path):
    """Whoever updates ml-metadata changes SCHEMA_VERSION, and looks at its tables."""
    fill(tmp_path / "metadata.sqlite")
    assert file_version(tmp_path / "metadata.sqlite") == SCHEMA_VERSION


def test_old_file_is_refused_with_the_remedy(old_file):
    with pytest.raises(MetadataRefusedError) as caught:
        open_store(old_file, READ)
    assert str(caught.value) == (
        f"{old_file} is of an older version of ML Metadata; run `slipway metadata "
        "upgrade`."
    )


def test_newer_file_is_refused(tmp_path):
    path = tmp_path / "metadata.sqlite"
    fill(path)
    with sqlite3.connect(path) as store:
        store.execute("UPDATE MLMDEnv SET schema_version = 11")
    with pytest.raises(MetadataRefusedError, match="is of a newer version"):
        open_store(path, READ)
    with pytest.raises(MetadataRefusedError, match="has tables of version 11"):
        upgrade(path)


def test_file_is_upgraded_and_its_copy_is_as_it_was(old_file):
    copy = upgrade(old_file)
    assert copy == old_file.with_name("metadata.sqlite.v8")
    assert file_version(copy) == 8
    assert file_version(old_file) == SCHEMA_VERSION
    assert notes(old_file) == [("/one", "as it was")]
    copy.rename(old_file)
    assert upgrade(old_file) == copy, "it can be put back"
    assert notes(old_file) == [("/one", "as it was")]


def test_file_of_this_version_is_left_alone(tmp_path):
    fill(tmp_path / "metadata.sqlite")
    assert upgrade(tmp_path / "metadata.sqlite") is None
    assert [path.name for path in tmp_path.glob("*.v*")] == []


def test_copy_of_an_upgrade_that_did_not_end_is_not_overwritten(old_file):
    copy = old_file.with_name("metadata.sqlite.v8")
    copy.write_text("the only good one")
    with pytest.raises(MetadataRefusedError, match="of an upgrade that did not end"):
        upgrade(old_file)
    assert copy.read_text() == "the only good one"
    assert file_version(old_file) == 8


def test_server_is_upgraded_only_when_it_was_copied(server):
    prepare_server(server)
    put_artifact(server)
    downgrade(server, 9)
    settings = server.settings
    with pytest.raises(MetadataRefusedError) as caught:
        upgrade(server)
    assert str(caught.value) == (
        f"{server} would be changed for good. Copy it, for example with mysqldump "
        f"--single-transaction -h 127.0.0.1 -P {settings.port} -u {settings.user} -p "
        f"{settings.database}; then add --backed-up."
    )
    assert version_of(server) == 9
    assert upgrade(server, is_backed_up=True) is None
    assert check_server(server) == SCHEMA_VERSION
    assert notes(server) == [("/one", "as it was")]

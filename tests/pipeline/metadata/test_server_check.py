"""A database is prepared once, and refused where it would mislead."""

import multiprocessing

import pytest
from ml_metadata.proto import metadata_store_pb2 as pb

from pipeline.metadata.connection import CREATE, open_store
from pipeline.metadata.errors import MetadataRefusedError
from pipeline.metadata.server_check import (
    SCHEMA_VERSION,
    _has_wide_numbers,
    check_server,
    prepare_server,
)


def test_empty_database_gets_its_tables_once(server):
    assert check_server(server) is None
    prepare_server(server)
    assert check_server(server) == SCHEMA_VERSION
    prepare_server(server)
    assert check_server(server) == SCHEMA_VERSION


def test_two_who_prepare_at_once_make_one_database(mariadb):
    """Without turns MLMD leaves half a schema: MLMDEnv without a version."""
    context = multiprocessing.get_context("spawn")
    server = mariadb.server()
    processes = [
        context.Process(target=prepare_server, args=(server,)) for _ in range(3)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert check_server(server) == SCHEMA_VERSION
    query = f"SELECT COUNT(*) FROM {server.settings.database}.MLMDEnv"  # noqa: S608 - ours
    assert mariadb.sql(query) == [(1,)]


@pytest.mark.parametrize("number", [2**31, 2**62, -(2**40)])
def test_numbers_have_64_bits(server, number):
    prepare_server(server)
    store = open_store(server, CREATE)
    kind = store.put_artifact_type(pb.ArtifactType(name="Examples"))
    made = pb.Artifact(type_id=kind)
    made.custom_properties["rows"].int_value = number
    ids = store.put_artifacts([made])
    (read,) = store.get_artifacts_by_id(ids)
    assert read.custom_properties["rows"].int_value == number


def test_tables_that_others_made_get_64_bits_too(server):
    open_store(server, CREATE)
    assert not _has_wide_numbers(server)
    prepare_server(server)
    assert _has_wide_numbers(server)


def test_database_that_takes_one_path_for_another_is_refused(mariadb):
    database = mariadb.new_database("CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
    server = mariadb.server(database)
    with pytest.raises(MetadataRefusedError) as caught:
        prepare_server(server)
    assert str(caught.value) == (
        f"{server} compares texts by utf8mb4_general_ci, for which /data/A and /data/a "
        "are one folder; expected a collation that ends in _bin. Of an empty database: "
        f"ALTER DATABASE {database} CHARACTER SET latin1 COLLATE latin1_bin."
    )


@pytest.mark.parametrize(
    ("version", "remedy"),
    [
        (8, "run `slipway metadata upgrade`."),
        (11, "install the ml-metadata that the others use."),
    ],
    ids=["older", "newer"],
)
def test_tables_of_another_version_are_refused(mariadb, server, version, remedy):
    prepare_server(server)
    name = server.settings.database
    mariadb.sql(f"UPDATE {name}.MLMDEnv SET schema_version = {version}")  # noqa: S608 - ours
    with pytest.raises(MetadataRefusedError) as caught:
        prepare_server(server)
    assert str(caught.value) == (
        f"{server} has tables of version {version}; expected 10: {remedy}"
    )

"""Why `engine: postgresql` is refused: when this fails, MLMD has learned it."""

import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2 as pb

from tests.pipeline.metadata.database import free_port, owned_folder, unprivileged

_FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@pytest.fixture
def postgresql():
    """Returns what MLMD needs to open a fresh PostgreSQL server."""
    if not _FOLDERS:
        pytest.skip("initdb not found; Debian has it in postgresql")
    programs, folder = _FOLDERS[-1], owned_folder("slipway-postgresql-")
    data, port = folder / "data", free_port()
    options = {"cwd": folder, **unprivileged()}
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", "runner", "-A", "trust", "--no-sync"],
        check=True,
        capture_output=True,
        **options,
    )
    command = [programs / "postgres", "-D", data, "-p", str(port), "-k", folder, "-F"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, **options)
    asking = [programs / "pg_isready", "-h", "127.0.0.1", "-p", str(port)]
    deadline = time.monotonic() + 20
    while subprocess.run(asking, capture_output=True, check=False).returncode != 0:
        assert time.monotonic() < deadline, (folder / "log").read_text()
        time.sleep(0.02)
    config = pb.ConnectionConfig()
    config.postgresql.MergeFrom(
        pb.PostgreSQLDatabaseConfig(
            host="127.0.0.1",
            port=str(port),
            user="runner",
            dbname="postgres",
            skip_db_creation=True,
        )
    )
    yield config
    # Fast shutdown: does not wait for MLMD to hang up.
    process.send_signal(signal.SIGINT)
    process.wait()
    shutil.rmtree(folder)


def test_mlmd_breaks_a_text_with_a_backslash_on_postgresql(postgresql):
    store = metadata_store.MetadataStore(postgresql)
    kind = store.put_artifact_type(pb.ArtifactType(name="Model"))
    plain = pb.Artifact(type_id=kind)
    plain.custom_properties["config"].string_value = '{"name": "plain"}'
    assert store.put_artifacts([plain]) == [1]
    quoting = pb.Artifact(type_id=kind)
    quoting.custom_properties["config"].string_value = '{"name": "\\"quoted\\""}'
    with pytest.raises(Exception, match="syntax error at or near"):
        store.put_artifacts([quoting])

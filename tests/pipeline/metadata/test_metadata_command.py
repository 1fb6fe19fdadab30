"""`slipway metadata` on the command line."""

import json

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.metadata.errors import MetadataRefusedError
from pipeline.run_lock import WorkDirBusyError, running
from pipeline.run_record import WorkDir
from pipeline.settings_loader import ConfigError
from tests.pipeline.metadata.filled_store import contents, fill


@pytest.fixture
def call(tmp_path):
    """Runs a command on a work folder of the test's own; raises what it raises."""

    def run(command, *options, server=None):
        settings = {"work_dir": str(tmp_path / "work")}
        if server is not None:
            names = ("engine", "host", "port", "database", "user", "password_env")
            settings |= {
                f"metadata.{name}": getattr(server.settings, name) for name in names
            }
        pairs = [f"{name}={json.dumps(value)}" for name, value in settings.items()]
        arguments = [part for pair in pairs for part in ("--set", pair)]
        return (
            CliRunner()
            .invoke(
                app,
                ["metadata", command, "flights", *options, *arguments],
                catch_exceptions=False,
            )
            .output
        )

    return run


@pytest.fixture
def path(tmp_path):
    work_dir = WorkDir(tmp_path / "work")
    work_dir.path.mkdir()
    fill(work_dir.metadata_path)
    return work_dir.metadata_path


def test_status_of_a_file(call, path):
    assert call("status") == (
        f"place       {path}\n"
        "tables      version 10\n"
        "artifacts   3\n"
        "executions  3\n"
        "contexts    2\n"
        "events      3\n"
    )


def test_copy_renames_the_file_and_a_run_can_go_on(call, path, server):
    before = contents(path)
    assert "none yet" in call("status", server=server)
    assert f"copied to {server}; the file is now {path}.copied." in call(
        "copy", server=server
    )
    assert not path.exists()
    assert contents(server) == before
    assert "artifacts   3" in call("status", server=server)


def test_copy_that_was_killed_before_the_file_was_renamed_ends(call, path, server):
    call("copy", server=server)
    path.with_name("metadata.sqlite.copied").rename(path)
    assert "copied to" in call("copy", server=server)
    assert not path.exists()


def test_copy_waits_for_no_run(call, path, server):
    with (
        running(WorkDir(path.parent)),
        pytest.raises(WorkDirBusyError, match="a run is going on"),
    ):
        call("copy", server=server)
    assert path.exists()


@pytest.mark.usefixtures("path")
def test_copy_needs_a_server(call):
    with pytest.raises(ConfigError, match="name the server to copy to"):
        call("copy")


def test_upgrade_of_this_version_changes_nothing(call, path):
    was = path.read_bytes()
    assert call("upgrade") == f"{path} is of version 10 already.\n"
    assert path.read_bytes() == was


def test_upgrade_of_a_server_asks_for_a_copy(call, mariadb, server):
    call("status", server=server)
    from pipeline.metadata.server_check import prepare_server

    prepare_server(server)
    mariadb.sql(f"UPDATE {server.settings.database}.MLMDEnv SET schema_version = 9")  # noqa: S608 - ours
    with pytest.raises(MetadataRefusedError, match="then add --backed-up"):
        call("upgrade", server=server)

"""A run begins with the store that its work folder belongs to, or not at all."""

import pytest

from pipeline.metadata.errors import MetadataRefusedError
from pipeline.metadata.run_check import check_metadata
from pipeline.metadata.server_check import SCHEMA_VERSION, check_server
from pipeline.run_record import WorkDir


def test_server_is_ready_after_the_check(tmp_path, server):
    check_metadata(WorkDir(tmp_path, server))
    assert check_server(server) == SCHEMA_VERSION


def test_file_needs_no_check(tmp_path):
    check_metadata(WorkDir(tmp_path / "nowhere"))


def test_work_folder_with_a_file_is_not_run_on_a_server(tmp_path, server):
    """The server would give ids again that folders of artifacts are named after."""
    work_dir = WorkDir(tmp_path, server)
    work_dir.metadata_path.touch()
    with pytest.raises(MetadataRefusedError) as caught:
        check_metadata(work_dir)
    assert caught.value.exit_code == 2
    assert str(caught.value) == (
        f"{tmp_path} holds results that metadata.sqlite there knows and {server} does "
        "not. Take them along with `slipway metadata copy`, or name another work_dir."
    )

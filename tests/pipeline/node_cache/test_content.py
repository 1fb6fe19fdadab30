"""Artifacts count by names and bytes of their files, not by place or time."""

import dataclasses
import os
import shutil

import pytest

from pipeline.node_cache.content import artifact_digest, folder_digest
from pipeline.run_record import ArtifactRecord


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "one"
    (made / "sub").mkdir(parents=True)
    (made / "a.txt").write_text("aa")
    (made / "sub" / "b.txt").write_text("bb")
    return made


def test_copy_elsewhere_and_touched_files_have_the_same_digest(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "two")
    (copy / "a.txt").touch()
    (copy / "empty").mkdir()
    assert folder_digest(copy) == folder_digest(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "a.txt").write_text("ab"),
        lambda folder: (folder / "a.txt").rename(folder / "c.txt"),
        lambda folder: (folder / "sub" / "b.txt").rename(folder / "b.txt"),
        lambda folder: (folder / "sub" / "b.txt").unlink(),
        lambda folder: (folder / "new").write_text(""),
    ],
    ids=["byte", "name", "place", "less", "more"],
)
def test_any_change_of_names_or_bytes_is_another_digest(folder, change):
    before = folder_digest(folder)
    change(folder)
    assert folder_digest(folder) != before


def test_byte_of_equal_size_and_time_is_another_digest(folder):
    before, status = folder_digest(folder), (folder / "a.txt").stat()
    (folder / "a.txt").write_text("ax")
    os.utime(folder / "a.txt", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert folder_digest(folder) != before


def test_single_file_has_a_digest_and_a_missing_one_is_an_error(folder):
    assert folder_digest(folder / "a.txt") != folder_digest(folder / "sub" / "b.txt")
    with pytest.raises(FileNotFoundError, match=r"absent is gone"):
        folder_digest(folder / "absent")


def test_artifact_counts_by_files_type_and_its_components_own_properties(folder):
    artifact = ArtifactRecord(
        uri=str(folder),
        type_name="ModelBlessing",
        properties={"blessed": 1, "current_model_id": 5, "tfx_version": "1.21.0"},
        artifact_id=9,
        content_digest=folder_digest(folder),
    )
    same = dataclasses.replace(
        artifact,
        uri="/elsewhere",
        artifact_id=10,
        properties={"blessed": 1, "current_model_id": 6, "baseline_model_id": 2},
    )
    assert artifact_digest(same) == artifact_digest(artifact)
    for changes in (
        {"type_name": "InfraBlessing"},
        {"content_digest": "0" * 64},
        {"properties": {"blessed": 0}},
    ):
        other = dataclasses.replace(artifact, **changes)
        assert artifact_digest(other) != artifact_digest(artifact)


def test_artifact_of_an_early_version_is_digested_where_it_lies(folder):
    artifact = ArtifactRecord(uri=str(folder), type_name="Examples")
    before = artifact_digest(artifact)
    (folder / "a.txt").write_text("ab")
    assert artifact_digest(artifact) != before

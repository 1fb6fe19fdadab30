"""A deployment's folder: written whole, repeated byte for byte, nobody's work lost."""

import os

import pytest

from serving.deploy.errors import DeployError
from serving.deploy.files import GeneratedFile
from serving.deploy.output_folder import write_files

FIRST = (
    GeneratedFile(path="README.md", text="one\n"),
    GeneratedFile(path="apply.py", text="#!/usr/bin/env python3\n"),
    GeneratedFile(path="2-canary/models.config", text="labels\n"),
)
SECOND = (
    GeneratedFile(path="README.md", text="two\n"),
    GeneratedFile(path="1-load/models.config", text="é\n"),
)


def content(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def out(tmp_path):
    return tmp_path / "new" / "deploy"


def test_a_new_folder_holds_the_files_and_a_list_of_them(out):
    write_files(out, FIRST, overwrite=False)
    assert set(content(out)) == {
        "README.md", "apply.py", "2-canary/models.config", "slipway-deploy.json",
    }  # fmt: skip
    # printf 'one\n' | sha256sum
    digest = "2c8b08da5ce60398e1f19af0e5dccc744df274b826abe585eaba68c525434806"
    assert f'"README.md": "{digest}"' in (out / "slipway-deploy.json").read_text()
    assert os.access(out / "apply.py", os.X_OK)
    assert not os.access(out / "README.md", os.X_OK)
    assert list(out.parent.iterdir()) == [out]


def test_an_empty_folder_is_written_too(out):
    out.mkdir(parents=True)
    write_files(out, FIRST, overwrite=False)
    assert (out / "README.md").read_text() == "one\n"


def test_the_folder_one_stands_in_can_be_written(out, monkeypatch):
    out.mkdir(parents=True)
    monkeypatch.chdir(out)
    write_files(type(out)(), FIRST, overwrite=False)
    assert (out / "README.md").read_text() == "one\n"


def test_a_folder_that_holds_something_is_refused(out):
    write_files(out, FIRST, overwrite=False)
    before = content(out)
    with pytest.raises(DeployError, match=r"not empty.*--overwrite"):
        write_files(out, SECOND, overwrite=False)
    assert content(out) == before


def test_overwriting_replaces_what_was_generated_and_nothing_else(out):
    write_files(out, FIRST, overwrite=False)
    (out / "active").mkdir()
    (out / "active" / "models.config").write_text("in force")
    write_files(out, SECOND, overwrite=True)
    found = content(out)
    del found["slipway-deploy.json"]
    assert found == {
        "README.md": b"two\n",
        "1-load/models.config": "é\n".encode(),
        "active/models.config": b"in force",
    }
    assert not (out / "2-canary").exists()


def test_the_same_files_again_change_nothing(out):
    write_files(out, FIRST, overwrite=False)
    before = content(out)
    write_files(out, FIRST, overwrite=True)
    assert content(out) == before


def test_an_edited_file_stops_the_writing(out):
    write_files(out, FIRST, overwrite=False)
    (out / "README.md").write_text("my notes")
    before = content(out)
    with pytest.raises(DeployError, match=r"README\.md was edited"):
        write_files(out, SECOND, overwrite=True)
    assert content(out) == before


def test_somebodys_file_in_the_way_stops_the_writing(out):
    write_files(out, FIRST, overwrite=False)
    (out / "1-load").mkdir()
    (out / "1-load" / "models.config").write_text("mine")
    with pytest.raises(DeployError, match=r"1-load/models\.config was edited, or put"):
        write_files(out, SECOND, overwrite=True)


def test_what_was_interrupted_is_ended_by_the_same_command(out):
    write_files(out, FIRST, overwrite=False)
    # Killed after the first file: it is new, the list is old.
    (out / "README.md").write_text("two\n")
    write_files(out, SECOND, overwrite=True)
    assert (out / "README.md").read_text() == "two\n"
    assert (out / "1-load" / "models.config").is_file()


def test_a_folder_of_other_things_is_never_overwritten(out):
    out.mkdir(parents=True)
    (out / "thesis.tex").write_text("years of work")
    with pytest.raises(DeployError, match="no deployment of slipway's"):
        write_files(out, FIRST, overwrite=True)
    assert set(content(out)) == {"thesis.tex"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"files": {"../../secret": "00"}}',
        '{"files": {"/etc/passwd": "00"}}',
        '{"files": {"a": 1}}',
    ],
    ids=["empty", "list", "above", "absolute", "no digest"],
)
def test_a_list_that_slipway_did_not_write_is_refused(out, text):
    write_files(out, FIRST, overwrite=False)
    (out / "slipway-deploy.json").write_text(text)
    with pytest.raises(DeployError, match="no usable"):
        write_files(out, SECOND, overwrite=True)


def test_nothing_is_written_through_a_link(out, tmp_path):
    write_files(out, FIRST, overwrite=False)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (out / "1-load").symlink_to(elsewhere)
    with pytest.raises(DeployError, match=r"1-load/models\.config is a link"):
        write_files(out, SECOND, overwrite=True)
    assert list(elsewhere.iterdir()) == []


def test_a_file_in_place_of_the_folder_is_refused(out):
    out.parent.mkdir()
    out.write_text("a file")
    with pytest.raises(DeployError, match="it is a file"):
        write_files(out, FIRST, overwrite=True)

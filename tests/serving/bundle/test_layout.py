"""Which names and files a bundle may hold."""

import os
import socket

import pytest

from serving.bundle import layout
from serving.bundle.errors import BundleRefusedError


def refusal(function, *arguments):
    with pytest.raises(BundleRefusedError) as caught:
        function(*arguments)
    return caught.value


@pytest.mark.parametrize(
    "path", ["saved_model.pb", "assets/vocabulary of carriers", "a/b/c", "assets/…"]
)
def test_plain_path_is_accepted(path):
    layout.check_path(path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "..",
        "/",
        "//x",
        "a/",
        "a//b",
        "./a",
        "a/./b",
        "a/../b",
        "a\\b",
        "a\0b",
        "a\nb",
        "a\x7f",
        "C:\\x",
        "\u202ea",
        "a\ud800",
    ],
)
def test_path_that_is_not_plain_is_refused(path):
    found = refusal(layout.check_path, path)
    assert found.guard == "files"
    assert repr(path) in found.reason


KNOWN = [
    "saved_model.pb",
    "fingerprint.pb",
    "variables/variables.index",
    "variables/variables.data-00000-of-00001",
    "assets/carriers",
    "assets/deeper/carriers.txt",
    *layout.REQUIRED,
]


@pytest.mark.parametrize("name", KNOWN)
def test_file_of_a_bundle_is_accepted(tmp_path, name):
    (tmp_path / "file").write_bytes(b"JFK\n")
    layout.check_kind(name, tmp_path / "file")


@pytest.mark.parametrize(
    "name",
    [
        "saved_model.pbtxt",
        "saved_model.cpb",
        "keras_metadata.pb",
        "variables/variables.data-0-of-1",
        "variables/more",
        "assets.extra/notes.txt",
        "assets",
        ".DS_Store",
        "x/saved_model.pb",
        "saved_model.pb\n",
    ],
)
def test_file_that_has_no_place_is_refused(tmp_path, name):
    (tmp_path / "file").write_bytes(b"JFK\n")
    found = refusal(layout.check_kind, name, tmp_path / "file")
    assert found.guard == "no_code"
    assert "has no place in a bundle" in found.reason


@pytest.mark.parametrize(
    "name",
    [
        "encoder.pkl",
        "encoder.PKL",
        "encoder.pkl.txt",
        "m.keras",
        "m.h5",
        "run.sh",
        "a.py",
        "a.pyc",
        "a.so",
        "a.joblib",
        "a.pt",
        "a.zip",
        "a.whl",
        "a.exe",
    ],
)
def test_name_under_which_code_travels_is_refused(tmp_path, name):
    (tmp_path / "file").write_bytes(b"JFK\n")
    found = refusal(layout.check_kind, f"assets/{name}", tmp_path / "file")
    assert found.guard == "no_code"
    assert f"'assets/{name}' could run code" in found.reason


@pytest.mark.parametrize(
    "start",
    [
        b"\x80\x02",
        b"\x80\x03",
        b"\x80\x04\x95",
        b"\x80\x05",
        b"\x7fELF",
        b"MZ\x90",
        b"\xcf\xfa\xed\xfe",
        b"\xca\xfe\xba\xbe",
        b"PK\x03\x04",
        b"\x89HDF\r\n",
        b"#!/",
    ],
)
def test_content_that_is_code_is_refused_under_any_name(tmp_path, start):
    (tmp_path / "file").write_bytes(start + b" more")
    for name in ("assets/carriers", "variables/variables.index", "saved_model.pb"):
        found = refusal(layout.check_kind, name, tmp_path / "file")
        assert found.guard == "no_code"
        assert "could run code" in found.reason


def test_empty_file_is_no_code(tmp_path):
    (tmp_path / "file").touch()
    layout.check_kind("assets/carriers", tmp_path / "file")


def test_files_are_listed_in_order_of_their_names(tmp_path):
    for name in ("b", "a/c", "a/b/d", "A"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    assert layout.list_files(tmp_path) == {
        name: tmp_path / name for name in ("A", "a/b/d", "a/c", "b")
    }


def make_link(path):
    path.symlink_to(path.parent)


def make_dangling_link(path):
    path.symlink_to(path.parent / "nowhere")


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (make_link, "a link"),
        (make_dangling_link, "a link"),
        (os.mkfifo, "no regular file"),
        (make_socket, "no regular file"),
    ],
)
def test_what_is_no_file_is_refused_and_not_opened(tmp_path, monkeypatch, make, kind):
    monkeypatch.chdir(tmp_path)  # a socket's path has 108 characters at most
    make(
        (tmp_path / "x").relative_to(tmp_path)
        if make is make_socket
        else tmp_path / "x"
    )
    assert refusal(layout.list_files, tmp_path).reason == (
        f"'x' is {kind}; a bundle holds regular files only."
    )


def test_name_that_is_no_unicode_is_refused(tmp_path):
    with open(os.fsencode(tmp_path) + b"/\xff", "wb"):  # noqa: PTH123 - no Path is bytes
        pass
    assert refusal(layout.list_files, tmp_path).reason == (
        "the name '\\udcff' is no UTF-8; rename it or remove it."
    )


def test_endless_folders_are_refused(tmp_path):
    deep = tmp_path.joinpath(*["d"] * 17)
    deep.mkdir(parents=True)
    found = refusal(layout.list_files, tmp_path)
    assert found.reason == "its folders are nested more than 16 deep."
    deep.rmdir()
    assert layout.list_files(tmp_path) == {}


def test_model_digest_is_over_names_and_contents_of_what_is_served(tmp_path):
    (tmp_path / layout.EXTRA).mkdir()
    (tmp_path / "saved_model.pb").write_bytes(b"model")
    first = layout.model_digest(tmp_path)
    (tmp_path / layout.GOLDEN_BATCH).write_bytes(b"rows")
    assert layout.model_digest(tmp_path) == first
    (tmp_path / "saved_model.pb").rename(tmp_path / "saved_model.pbx")
    assert layout.model_digest(tmp_path) != first


def test_document_has_a_limit(tmp_path):
    (tmp_path / layout.EXTRA).mkdir()
    path = tmp_path / layout.SCHEMA
    path.write_bytes(b"x")
    assert layout.read_document(tmp_path, layout.SCHEMA) == b"x"
    with path.open("r+b") as file:
        file.truncate((1 << 26) + 1)
    assert refusal(layout.read_document, tmp_path, layout.SCHEMA).reason == (
        f"{layout.SCHEMA} has 67,108,865 bytes; expected at most 67,108,864."
    )

"""Which server judges, and what it is called."""

import pytest

from serving.server_check.server_binary import find_server_binary, server_name


@pytest.fixture
def path_without_a_server(tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return tmp_path / "bin"


def test_ours_judges_where_no_other_is_named_or_on_path(path_without_a_server):
    assert path_without_a_server.is_dir()
    assert find_server_binary(None) == find_server_binary("") == ""
    assert server_name("") == "slipway 0.1.0"


def test_the_one_on_path_judges_unless_another_is_named(path_without_a_server):
    found = path_without_a_server / "tensorflow_model_server"
    found.write_text("#!/bin/sh\n")
    found.chmod(0o755)
    assert find_server_binary(None) == str(found)
    assert find_server_binary("/opt/server") == "/opt/server"


@pytest.mark.parametrize(
    ("printed", "name"),
    [
        (
            "TensorFlow ModelServer: 2.19.0-rc0+dev\\nTensorFlow Library: 2.19",
            "2.19.0-rc0+dev",
        ),
        ("a server of mine, 7", "a server of mine, 7"),
        ("", "of unknown version"),
    ],
)
def test_version_is_what_the_binary_says(script, printed, name):
    binary = script(f"printf '{printed}'")
    assert server_name(binary) == f"tensorflow_model_server {name}"

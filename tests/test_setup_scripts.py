"""Set-up says in one sentence what is missing, and looks where it says it does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SETUP = Path(__file__).resolve().parents[1] / ".setup"


def bash(script, path):
    return subprocess.run(
        ["/bin/bash", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": path, "HOME": "/nonexistent"},
    )


def program(folder, name, text):
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return folder


def links(folder, *names):
    """A PATH of a few of the system's programs and nothing else."""
    folder.mkdir(exist_ok=True)
    for name in names:
        source = next(
            path
            for place in ("/usr/bin", "/bin")
            if (path := Path(place) / name).exists()
        )
        (folder / name).symlink_to(source)
    return folder


def test_other_processor_is_refused_with_the_ways_out(tmp_path):
    fake = program(tmp_path / "bin", "uname", "echo aarch64")
    done = bash(
        f"bash {SETUP}/private_runtime.sh {tmp_path}/runtime 2.36", f"{fake}:/usr/bin"
    )
    assert done.returncode == 1
    assert "exists for x86-64 only, not aarch64" in done.stderr
    assert "Ubuntu 24.04, Debian 13, Fedora 40) or a container image" in done.stderr
    assert not (tmp_path / "runtime").exists()


def test_system_without_apt_is_refused_with_the_ways_out(tmp_path):
    few = links(tmp_path / "bin", "bash", "uname")
    done = bash(f"bash {SETUP}/private_runtime.sh {tmp_path}/runtime 2.36", str(few))
    assert done.returncode == 1
    assert "is fetched with apt, which is missing here" in done.stderr
    assert "or a container image" in done.stderr


def find_python(path):
    return bash(f"source {SETUP}/find_python.sh; find_python", path)


def test_python_on_the_path_is_found(tmp_path):
    base = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    fake = program(
        tmp_path / "bin", f"python3.{sys.version_info.minor}", f'exec {base} "$@"'
    )
    done = find_python(f"{fake}:/nonexistent")
    assert done.returncode == 0, done.stderr
    assert f"python3.{sys.version_info.minor}" in done.stdout


@pytest.mark.parametrize(
    "text",
    ["echo 'pyenv: command not found' >&2; exit 127", f'exec {sys.executable} "$@"'],
    ids=["a shim that leads nowhere", "a virtual environment's"],
)
def test_python_that_cannot_serve_does_not_count(tmp_path, text):
    folder = program(tmp_path / "bin", "python3.12", text)
    program(folder, "python3", text)
    assert find_python(f"{folder}:/nonexistent").returncode == 1


@pytest.mark.parametrize(
    ("tools", "has_headers", "missing"),
    [
        (("bash", "g++"), True, ""),
        (("bash", "c++"), True, ""),
        (("bash",), True, "a C++ compiler"),
        (("bash", "g++"), False, "Python's headers"),
        (("bash",), False, "a C++ compiler and Python's headers"),
    ],
)
def test_what_compiling_needs_is_named(tmp_path, tools, has_headers, missing):
    include = tmp_path / "include"
    include.mkdir()
    if has_headers:
        (include / "Python.h").touch()
    few = links(tmp_path / "bin", *tools)
    python = program(tmp_path / "python", "python3.13", f"echo {include}")
    done = bash(
        f"source {SETUP}/find_python.sh; missing_to_compile {python}/python3.13",
        str(few),
    )
    assert (done.stdout, done.stderr, done.returncode) == (missing, "", 0)


def test_second_setup_does_nothing():
    if not (SETUP.parent / ".venv" / ".slipway-setup").exists():
        pytest.skip("no .venv made by .setup/setup.sh")
    done = subprocess.run(
        ["/bin/bash", str(SETUP / "setup.sh")],
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ),
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

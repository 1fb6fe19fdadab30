"""Binaries that stand in for tensorflow_model_server, and checks of what is left."""

import sys
import tempfile
import time
from pathlib import Path

import pytest

from serving.server_check import check_model
from serving.server_check.candidate_folder import Candidate
from tests.serving.bundle.documents import KEPT

VERSION = "TensorFlow ModelServer: 9.8.7-stub\\nTensorFlow Library: 2.21.0\\n"
HERE = Path(__file__).resolve().parent


@pytest.fixture
def candidate():
    """The kept bundle: its files are a model's, and its papers are there."""
    return Candidate(model_dir=KEPT, extras=KEPT)


@pytest.fixture
def script(tmp_path):
    """A function that writes an executable script and returns its path."""

    def write(*lines):
        path = tmp_path / "tensorflow_model_server"
        path.write_text("\n".join(("#!/bin/sh", *lines, "")))
        path.chmod(0o755)
        return str(path)

    return write


@pytest.fixture
def stub(script):
    """A function that returns the path of a stub server's binary in some mode."""

    def write(mode):
        version = "exit 9" if mode == "no version" else f"printf '{VERSION}'; exit"
        return script(
            f'if [ "$1" = --version ]; then {version}; fi',
            f'exec {sys.executable} {HERE / "stub_server.py"} "{mode}" "$@"',
        )

    return write


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder for temporary files, empty at first."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def without_a_look(monkeypatch):
    """The look from inside takes 5 s, and is tested by itself."""
    look = "tests.serving.server_check.quick_look"
    monkeypatch.setattr(check_model, "_LOOK", look)
    monkeypatch.setattr(check_model, "_STOP_S", 1.0)


@pytest.fixture
def children():
    """A function that lists this process's running children."""

    def found():
        tasks = Path("/proc/self/task").glob("*/children")
        return [int(pid) for task in tasks for pid in task.read_text().split()]

    return found


@pytest.fixture
def eventually():
    """A function that waits until a condition holds, for at most ten seconds."""

    def wait(condition, limit_s=10.0):
        end_s = time.monotonic() + limit_s
        while not condition():
            assert time.monotonic() < end_s, "it did not come to pass"
            time.sleep(0.01)

    return wait


@pytest.fixture
def is_alive():
    """A function that tells whether a process runs; a zombie does not."""

    def tell(pid):
        try:
            status = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return False
        return status.rpartition(")")[2].split()[0] != "Z"

    return tell

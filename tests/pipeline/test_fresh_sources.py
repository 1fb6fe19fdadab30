"""The code that runs is the source's, not that of bytecode that looks current."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FRESH = "from pipeline.fresh_sources import import_from_sources; import_from_sources();"


@pytest.fixture
def answer(tmp_path):
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PYTHONPYCACHEPREFIX"] = str(tmp_path / "bytecode")

    def answer(prelude, module="case.model"):
        command = f"{prelude}import {module} as m; print(m.SIZE)"
        done = subprocess.run(
            [sys.executable, "-c", command],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    return answer


@pytest.mark.parametrize("module", ["case.model", "lonely"])
def test_edit_of_equal_size_and_time_runs(answer, tmp_path, module):
    path = tmp_path / f"{module.replace('.', '/')}.py"
    path.parent.mkdir(exist_ok=True)
    (tmp_path / "case").mkdir(exist_ok=True)
    (tmp_path / "case" / "__init__.py").write_text("")
    path.write_text("SIZE = 1\n")
    status = path.stat()
    assert answer("", module) == "1"
    path.write_text("SIZE = 2\n")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    assert answer("", module) == "1", "Python's bytecode is not what this is about"
    assert answer(FRESH, module) == "2"


def test_libraries_keep_their_bytecode(answer, tmp_path):
    (tmp_path / "looks.py").write_text(
        "import xml.dom.minidom, typer, pipeline.run_record\n"
        "modules = (xml.dom.minidom, typer, pipeline.run_record)\n"
        "SIZE = [type(module.__loader__).__name__ for module in modules]\n"
    )
    found = ["SourceFileLoader", "SourceFileLoader", "_FromSource"]
    assert answer(FRESH, "looks") == str(found)

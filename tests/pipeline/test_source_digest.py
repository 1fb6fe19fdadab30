"""An edit changes the digest of what imports it, and of nothing else."""

import importlib
import sys

import pytest

from pipeline.source_digest import node_digest, source_closure


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "somecase"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "preprocessing.py").write_text(
        "from somecase import features\nimport json\n"
    )
    (folder / "features.py").write_text("KEYS = ('a',)\n")
    (folder / "trainer.py").write_text("def run_fn(a):\n    import somecase.model\n")
    (folder / "model.py").write_text("SIZE = 1\n")
    (folder / "notes.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield folder
    sys.modules.pop("somecase", None)
    from pipeline import source_digest

    source_digest._own_source.cache_clear()


def names(modules):
    return {path.name for path in source_closure(modules)}


@pytest.mark.usefixtures("package")
def test_closure_holds_what_is_imported_and_nothing_else():
    assert names(["somecase.preprocessing"]) == {
        "__init__.py",
        "preprocessing.py",
        "features.py",
    }


@pytest.mark.usefixtures("package")
def test_import_inside_a_function_counts():
    assert "model.py" in names(["somecase.trainer"])


def test_single_module_without_a_package_counts(tmp_path, monkeypatch):
    (tmp_path / "lonelycase.py").write_text("import json\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    before = node_digest(["lonelycase"])
    (tmp_path / "lonelycase.py").write_text("import json  # edited\n")
    assert node_digest(["lonelycase"]) != before


def test_libraries_count_by_version_not_by_source():
    assert names(["json", "numpy", "tensorflow.python", "no.such.module"]) == set()


@pytest.mark.parametrize(
    ("edited", "changes"),
    [("features.py", True), ("preprocessing.py", True), ("notes.py", False)],
)
def test_edit_changes_the_digest_of_those_that_import_it(package, edited, changes):
    before = node_digest(["somecase.preprocessing"])
    (package / edited).write_text("# edited\n" + (package / edited).read_text())
    assert (node_digest(["somecase.preprocessing"]) != before) is changes


def test_touch_changes_nothing(package):
    before = node_digest(["somecase.preprocessing"])
    (package / "features.py").touch()
    assert node_digest(["somecase.preprocessing"]) == before


def test_own_component_is_followed_into_its_modules():
    found = names(["components.quality_gate.component"])
    assert {"component.py", "verdict.py", "intervals.py"} <= found
    assert "publish.py" not in found

"""An edit changes the digest of what imports it, and of nothing else."""

import importlib
import json
import os
import sys

import pytest

from pipeline import source_digest
from pipeline.source_digest import SourceSnapshot, library_versions


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
    source_digest._own_roots.cache_clear()


def digests(*modules):
    return SourceSnapshot().digests(modules)


@pytest.mark.usefixtures("package")
def test_digests_are_of_what_is_imported_and_nothing_else():
    assert set(digests("somecase.preprocessing")) == {
        "somecase/__init__.py",
        "somecase/preprocessing.py",
        "somecase/features.py",
    }


@pytest.mark.usefixtures("package")
def test_import_inside_a_function_counts():
    assert "somecase/model.py" in digests("somecase.trainer")


@pytest.mark.parametrize(
    ("where", "statement", "imported"),
    [
        ("preprocessing.py", "from . import model", "somecase/model.py"),
        ("preprocessing.py", "from .model import SIZE", "somecase/model.py"),
        ("__init__.py", "from .model import SIZE", "somecase/model.py"),
        ("deep/inside.py", "from ..model import SIZE", "somecase/model.py"),
        ("deep/inside.py", "from .beside import x", "somecase/deep/beside.py"),
    ],
)
def test_relative_import_counts(package, where, statement, imported):
    (package / "deep").mkdir()
    for name in ("__init__.py", "beside.py"):
        (package / "deep" / name).write_text("")
    (package / where).write_text(f"{statement}\n")
    module = f"somecase/{where}".removesuffix(".py").replace("/", ".")
    assert imported in digests(module)


def test_package_without_an_init_file_counts(package):
    (package / "__init__.py").unlink()
    importlib.invalidate_caches()
    before = digests("somecase.preprocessing")
    assert set(before) == {"somecase/preprocessing.py", "somecase/features.py"}
    (package / "features.py").write_text("KEYS = ('b',)\n")
    after = digests("somecase.preprocessing")
    assert after["somecase/features.py"] != before["somecase/features.py"]


def test_single_module_without_a_package_counts(tmp_path, monkeypatch):
    (tmp_path / "lonelycase.py").write_text("import json\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    before = digests("lonelycase")
    (tmp_path / "lonelycase.py").write_text("import json  # edited\n")
    assert list(before) == ["lonelycase.py"]
    assert digests("lonelycase") != before


def test_source_in_another_encoding_is_read_as_python_reads_it(package):
    text = "# -*- coding: latin-1 -*-\nNAME = 'Zürich'\nimport somecase.model\n"
    (package / "features.py").write_bytes(text.encode("latin-1"))
    assert "somecase/model.py" in digests("somecase.features")


def test_libraries_count_by_version_not_by_source():
    modules = ("json", "numpy", "tensorflow.python", "google.protobuf", "no.such")
    assert digests(*modules) == {}


@pytest.mark.parametrize(
    ("edited", "changes"),
    [("features.py", True), ("preprocessing.py", True), ("notes.py", False)],
)
def test_edit_changes_the_digests_of_those_that_import_it(package, edited, changes):
    before = digests("somecase.preprocessing")
    (package / edited).write_text("# edited\n" + (package / edited).read_text())
    assert (digests("somecase.preprocessing") != before) is changes


def test_edit_of_equal_size_and_time_is_seen(package):
    path = package / "features.py"
    status = path.stat()
    before = digests("somecase.preprocessing")
    path.write_text("KEYS = ('b',)\n")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size
    assert digests("somecase.preprocessing") != before


def test_touch_changes_nothing(package):
    before = digests("somecase.preprocessing")
    (package / "features.py").touch()
    assert digests("somecase.preprocessing") == before


def test_own_component_is_followed_into_its_modules():
    found = digests("components.quality_gate.component")
    folder = "components/quality_gate/"
    modules = {"component.py", "verdict.py", "intervals.py"}
    assert {folder + name for name in modules} <= set(found)
    assert "components/model_pusher/publish.py" not in found


def test_snapshot_keeps_what_it_saw_first_and_tells_what_was_edited_since(package):
    snapshot = SourceSnapshot()
    before = snapshot.digests(["somecase.trainer"])
    assert snapshot.changed(["somecase.trainer"]) == []

    (package / "model.py").write_text("SIZE = 2\n")
    (package / "trainer.py").unlink()

    assert snapshot.digests(["somecase.preprocessing"]) == digests(
        "somecase.preprocessing"
    )
    assert snapshot.changed(["somecase.preprocessing"]) == []
    (package / "trainer.py").write_text("def run_fn(a):\n    import somecase.model\n")
    assert snapshot.digests(["somecase.trainer"]) == before
    assert snapshot.changed(["somecase.trainer"]) == ["somecase/model.py"]


def test_imports_are_kept_from_run_to_run_by_content(package, tmp_path, monkeypatch):
    kept = tmp_path / "cache" / "imports.json"
    first = SourceSnapshot(kept)
    before = first.digests(["somecase.preprocessing"])
    first.save()

    def parses(source):
        raise AssertionError(f"parsed again: {source}")

    monkeypatch.setattr(source_digest, "_imported_names", parses)
    assert SourceSnapshot(kept).digests(["somecase.preprocessing"]) == before
    (package / "features.py").write_text("KEYS = ('c',)\n")
    with pytest.raises(AssertionError, match="parsed again"):
        SourceSnapshot(kept).digests(["somecase.preprocessing"])


@pytest.mark.parametrize("damage", ["", "[]", '{"a": 5}', "\x00\x01", None])
@pytest.mark.usefixtures("package")
def test_damaged_file_of_imports_is_parsed_anew(tmp_path, damage):
    kept = tmp_path / "imports.json"
    before = digests("somecase.preprocessing")
    text = json.dumps(dict.fromkeys(before.values(), 5)) if damage is None else damage
    kept.write_text(text)
    assert SourceSnapshot(kept).digests(["somecase.preprocessing"]) == before


def test_versions_are_those_of_the_libraries_and_of_python():
    versions = library_versions()
    assert versions["tensorflow"].startswith("2.")
    assert versions["python"] == ".".join(map(str, sys.version_info[:3]))

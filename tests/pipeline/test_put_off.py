"""A module that is put off runs when it is asked for what it defines, and only then."""

import importlib
import inspect
import sys
import threading
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder

import pytest

from pipeline.put_off import PutOff

NAME = "slow_to_import"
CODE = """
import time
import runs_of_it
runs_of_it.append(None)
BEFORE = 1
time.sleep(0.2)
seen = __import__(__name__).BEFORE
VALUE = 42
"""


@pytest.fixture
def runs(monkeypatch):
    """Stands for one run of the module's code an element."""
    found = []
    monkeypatch.setitem(sys.modules, "runs_of_it", found)
    return found


@pytest.fixture
def module(tmp_path, monkeypatch, runs):  # noqa: ARG001 - before it is imported
    (tmp_path / f"{NAME}.py").write_text(CODE)
    monkeypatch.syspath_prepend(str(tmp_path))

    class Finder(MetaPathFinder):
        def find_spec(self, name, path=None, target=None):
            if name != NAME:
                return None
            spec = PathFinder.find_spec(name, path, target)
            spec.loader = PutOff(spec.loader)
            return spec

    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    yield importlib.import_module(NAME)
    sys.modules.pop(NAME, None)


def test_what_is_known_without_running_it_does_not_run_it(module, runs):
    assert module.__file__.endswith(f"{NAME}.py")
    assert hasattr(module, "__file__")
    assert "VALUE" not in vars(module)
    assert inspect.getmodule(PutOff).__name__ == "pipeline.put_off"
    assert runs == []


def test_it_runs_once_when_asked_for_what_it_defines(module, runs):
    assert module.VALUE == 42
    assert module.seen == 1
    assert importlib.import_module(NAME).VALUE == 42
    assert len(runs) == 1
    assert type(module) is type(sys)
    assert not [name for name in vars(module) if "put_off" in name]


def test_what_it_does_not_define_is_an_attribute_error_after_it_ran(module, runs):
    with pytest.raises(AttributeError, match="nothing"):
        _ = module.nothing
    assert len(runs) == 1


def test_threads_that_ask_at_the_same_time_all_get_the_whole_module(module, runs):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(module.VALUE)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [42] * 4
    assert len(runs) == 1


def test_one_that_cannot_be_imported_says_so_each_time(module, tmp_path):
    (tmp_path / f"{NAME}.py").write_text("import no_such_module_anywhere")
    for _ in range(2):
        with pytest.raises(ModuleNotFoundError, match="no_such_module_anywhere"):
            _ = module.VALUE

"""Every component of ours keeps the same promises to its readers."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = sorted(path.parent for path in ROOT.glob("components/*/component.py"))


def component_function(folder):
    module = importlib.import_module(f"components.{folder.name}.component")
    source = (folder / "component.py").read_text()
    (name,) = re.findall(r"@component(?:\(.*\))?\ndef (\w+)\(", source)
    made = getattr(module, name)
    executor = made.EXECUTOR_SPEC.executor_class
    return executor._FUNCTION


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def folder(request):
    return request.param


def test_docstring_describes_every_argument_and_no_other(folder):
    function = component_function(folder)
    section = re.search(r"Args:\n(.*?)\n\n", inspect.getdoc(function), re.DOTALL)
    documented = re.findall(r"^    (\w+):", section.group(1), re.MULTILINE)

    assert documented == list(inspect.signature(function).parameters)


def test_docstring_says_what_is_raised_and_shows_an_example(folder):
    text = inspect.getdoc(component_function(folder))
    assert "\nRaises:\n" in text
    assert "\nExample:\n" in text
    assert f"    {component_function(folder).__name__}(" in text


def test_annotations_are_types_not_text(folder):
    # `from __future__ import annotations` breaks @component with a misleading message.
    for parameter in inspect.signature(component_function(folder)).parameters.values():
        assert not isinstance(parameter.annotation, str)


def test_folder_has_a_readme_with_the_component_as_its_title(folder):
    title = (folder / "README.md").read_text().splitlines()[0]
    assert title == f"# {component_function(folder).__name__}"

"""Dotted paths are looked up in source; nothing heavy runs."""

import sys

import pytest

from pipeline.dotted_path import DottedPathError, import_constants, require_function

HEAVY = (
    "usecase.code imports heavy_library_that_is_never_imported; it is read before any "
    "work, so expected only the standard library, numpy, pyarrow and modules of this "
    "project that do likewise."
)


def refusal(check, *arguments: object) -> str:
    with pytest.raises(DottedPathError, match=r".") as caught:
        check(*arguments)
    return str(caught.value)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("name", ["prepare", "run_fn", "Tuner"])
def test_definitions_are_found_without_importing_them(name):
    require_function(f"usecase.code.{name}")

    assert "usecase" not in sys.modules


@pytest.mark.parametrize(
    "text",
    ["from a import f", "import a as f", "from a import *", "try: f = 1\nfinally: 0"],
)
def test_names_that_a_module_takes_from_elsewhere_count(project, text):
    project.write("usecase/code.py", text)

    require_function("usecase.code.f")


def test_folders_without_init_are_packages_too(project):
    project.write("usecase/inner/deep/code.py", "def f(): ...")

    require_function("usecase.inner.deep.code.f")


def test_functions_of_this_project_are_found():
    require_function("data.flights.source.prepare")


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("run_fn", "expected package.module.function."),
        ("usecase..run_fn", "expected package.module.function."),
        ("usecase.code.", "expected package.module.function."),
        ("", "expected package.module.function."),
        (
            "usecase.code.runfn",
            "module usecase.code defines no 'runfn'. Did you mean 'run_fn'?",
        ),
        ("usecase.code.inside", "module usecase.code defines no 'inside'."),
        (
            "usecase.cod.run_fn",
            "there is no module usecase.cod. Did you mean 'code'?",
        ),
        ("usecase.code.Tuner.inside", "there is no module usecase.code.Tuner."),
        ("model.flights.f", "there is no module model. Did you mean 'models'?"),
        (
            "math.sqrt",
            # Debian builds math into the interpreter, other builds make it a file.
            "module math defines no 'sqrt'."
            if "math" in sys.builtin_module_names
            else "module math is no Python source.",
        ),
    ],
)
def test_path_that_leads_nowhere_is_refused(path, message):
    assert refusal(require_function, path) == message


def test_source_with_a_syntax_error_is_refused_with_its_line(project):
    path = project.write("usecase/code.py", "\ndef f(:\n")

    assert refusal(require_function, "usecase.code.f") == (
        f"{path} does not parse: line 2: invalid syntax."
    )


def test_constants_may_be_computed_from_light_modules(project):
    project.write("usecase/names.py", "ALL = ['wind']")
    project.write(
        "usecase/features.py",
        "from functools import reduce\n"
        "from data.errors import MAX_LISTED\n"
        "from . import names\n"
        "KEYS = tuple(names.ALL)\n"
        "def later():\n"
        "    import heavy_library_that_is_never_imported\n",
    )

    assert import_constants("usecase.features").KEYS == ("wind",)


@pytest.mark.parametrize(
    "text",
    ["from usecase import code", "from .code import prepare", "import usecase.code"],
)
def test_constants_beside_a_heavy_import_are_refused(project, text):
    project.write("usecase/features.py", text)

    assert refusal(import_constants, "usecase.features") == HEAVY
    assert "usecase" not in sys.modules


def test_heavy_import_of_a_parent_package_is_refused(project):
    project.write("usecase/__init__.py", "from usecase import code")

    assert refusal(import_constants, "usecase.features") == HEAVY


def test_module_that_fails_to_import_is_refused(project):
    project.write("usecase/features.py", "1 / 0")

    assert refusal(import_constants, "usecase.features") == (
        "it cannot be imported: ZeroDivisionError: division by zero."
    )

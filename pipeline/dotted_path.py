"""Looks up dotted paths of the configuration without running the code behind them.

Importing a preprocessing module costs TensorFlow's 8 s; whether its function exists
is written in its source.
"""

import ast
import importlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from pipeline.settings_loader import ConfigError, did_you_mean

# What a module of constants may import beside the standard library and our own.
LIGHT_LIBRARIES = ("numpy", "pyarrow")
OWN_PACKAGES = ("data", "models")

_PROJECT_ROOT = Path(__file__).resolve().parents[1]
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


class DottedPathError(ConfigError):
    """A dotted path that leads nowhere; the text follows "<setting> is <path>; "."""


@dataclass(frozen=True, slots=True)
class _Module:
    """A module or package on disk.

    Attributes:
        name: Its dotted name.
        file: Its source; None for a folder without __init__.py.
        folders: Where its submodules are; empty unless it is a package.
    """

    name: str
    file: Path | None
    folders: Sequence[Path]


def require_function(dotted_path: str) -> None:
    """Checks that `package.module.name` is defined, reading source only.

    Raises:
        DottedPathError: It is not; names the nearest that is.
    """
    module_name, _, name = dotted_path.rpartition(".")
    is_path = all(part.isidentifier() for part in dotted_path.split("."))
    if not is_path or not module_name:
        raise DottedPathError("expected package.module.function.")
    names = set(_top_level_names(_parse(_find_chain(module_name)[-1])))
    if name not in names and "*" not in names:
        raise DottedPathError(
            f"module {module_name} defines no {name!r}.{did_you_mean(name, names)}"
        )


def import_constants(module_name: str) -> ModuleType:
    """Imports a module of constants, after checking that nothing heavy comes along.

    Raises:
        DottedPathError: There is no such module, it imports more than the standard
            library, LIGHT_LIBRARIES and OWN_PACKAGES, or it fails to import.
    """
    foreign = _foreign_import(module_name, {_top(module_name), *OWN_PACKAGES})
    if foreign is not None:
        importer, imported = foreign
        raise DottedPathError(
            f"{importer} imports {imported}; it is read before any work, so expected "
            f"only the standard library, {', '.join(LIGHT_LIBRARIES)} and modules of "
            "this project that do likewise."
        )
    try:
        return importlib.import_module(module_name)
    except Exception as error:  # a user's module can raise anything
        raise DottedPathError(
            f"it cannot be imported: {type(error).__name__}: {error}."
        ) from error


def _top(name: str) -> str:
    return name.partition(".")[0]


def _find_chain(module_name: str) -> list[_Module]:
    """Returns the module and, before it, the packages that contain it."""
    first, *rest = module_name.split(".")
    chain = [_find_first(first)]
    for part in rest:
        parent = chain[-1]
        found = _find_in(parent, part)
        if found is None:
            raise DottedPathError(
                f"there is no module {parent.name}.{part}."
                f"{did_you_mean(part, _names_in(parent.folders))}"
            )
        chain.append(found)
    return chain


def _find_first(name: str) -> _Module:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        hint = did_you_mean(name, _names_in([_PROJECT_ROOT]))
        raise DottedPathError(f"there is no module {name}.{hint}")
    file = Path(spec.origin) if spec.has_location and spec.origin else None
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    return _Module(name, file, folders)


def _find_in(parent: _Module, part: str) -> _Module | None:
    name = f"{parent.name}.{part}"
    for folder in parent.folders:
        if (folder / part / "__init__.py").is_file():
            return _Module(name, folder / part / "__init__.py", [folder / part])
        if (folder / f"{part}.py").is_file():
            return _Module(name, folder / f"{part}.py", [])
    folders = [folder / part for folder in parent.folders if (folder / part).is_dir()]
    return _Module(name, None, folders) if folders else None


def _names_in(folders: Sequence[Path]) -> list[str]:
    entries = [entry for folder in folders for entry in folder.iterdir()]
    names = {entry.stem for entry in entries if entry.is_dir() or entry.suffix == ".py"}
    return sorted(name for name in names if name.isidentifier())


def _parse(module: _Module) -> ast.Module:
    if module.file is None:
        return ast.Module(body=[], type_ignores=[])
    if module.file.suffix != ".py":
        raise DottedPathError(f"module {module.name} is no Python source.")
    try:
        return ast.parse(module.file.read_bytes(), filename=str(module.file))
    except SyntaxError as error:
        raise DottedPathError(
            f"{module.file} does not parse: line {error.lineno}: {error.msg}."
        ) from error
    except OSError as error:
        raise DottedPathError(f"{module.file} cannot be read: {error}.") from error


def _executed_nodes(
    node: ast.AST, not_into: tuple[type[ast.AST], ...] = _FUNCTIONS
) -> Iterator[ast.AST]:
    """Yields what runs when a module is imported: everything outside functions."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, not_into):
            yield from _executed_nodes(child, not_into)


def _top_level_names(tree: ast.Module) -> Iterator[str]:
    for node in _executed_nodes(tree, (*_FUNCTIONS, ast.ClassDef)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.alias):
            yield node.asname or _top(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _foreign_import(module_name: str, own: set[str]) -> tuple[str, str] | None:
    """Returns (importer, imported) for the first import that is not light."""
    light = {*sys.stdlib_module_names, *LIGHT_LIBRARIES}
    to_read, seen = _find_chain(module_name), set()
    while to_read:
        module = to_read.pop()
        if module.name in seen:
            continue
        seen.add(module.name)
        for imported in _imports(module):
            top = _top(imported)
            if top in own:
                to_read += _longest_chain(imported)
            elif top not in light:
                return module.name, imported
    return None


def _longest_chain(name: str) -> list[_Module]:
    """As _find_chain; the last part may be a name inside the module."""
    try:
        return _find_chain(name)
    except DottedPathError:
        parent = name.rpartition(".")[0]
        return _find_chain(parent) if parent else []


def _imports(module: _Module) -> Iterator[str]:
    package = module.name if module.folders else module.name.rpartition(".")[0]
    for node in _executed_nodes(_parse(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            target = node.module or ""
            if node.level:
                target = importlib.util.resolve_name("." * node.level + target, package)
            yield from (f"{target}.{alias.name}" for alias in node.names)

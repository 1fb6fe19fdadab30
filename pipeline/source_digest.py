"""Digests the sources a node really uses, so that an edit reruns what it concerns.

TFX's cache key knows neither the source behind a dotted path nor library versions: an
edited preprocessing_fn would be answered from the cache. Here each node's key holds a
digest of its modules, of everything of this project they import, and the versions.
"""

import ast
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

_STANDARD_LIBRARY = Path(ast.__file__).resolve().parent
_LIBRARIES = (
    "tfx",
    "tensorflow",
    "tensorflow-transform",
    "tensorflow-data-validation",
    "tensorflow-model-analysis",
    "tfx-bsl",
    "apache-beam",
    "keras",
    "keras-tuner",
    "numpy",
    "pyarrow",
)


@cache
def library_versions() -> dict[str, str]:
    """Returns the versions that take part in every node's key, and Python's."""
    versions = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "absent"
    return versions


class SourceSnapshot:
    """The sources as they were when a run first looked at them.

    A run lasts minutes, and people edit meanwhile. Keys are made of what the run
    started with; `changed` tells whether a node may have run something else.
    """

    def __init__(self, imports_file: Path | None = None) -> None:
        """Reads no source yet.

        Args:
            imports_file: Keeps what each source imports from run to run: parsing takes
                longer than reading. None, or a damaged file: sources are parsed.
        """
        self._imports_file = imports_file
        self._imports = _read_imports(imports_file)
        self._used: dict[str, list[str]] = {}
        self._digests: dict[Path, str] = {}

    def digests(self, modules: Iterable[str]) -> dict[str, str]:
        """Returns each source of some modules and of all they import, transitively.

        Imports inside functions and relative ones count too; imports by computed name
        cannot be seen.

        Args:
            modules: Dotted module names; those that are neither this project's nor the
                user's own beside it are left out.

        Returns:
            Path from the import root, such as "models/flights/model.py", to SHA-256.
        """
        return {
            name: self._digest(path) for name, path in sorted(self._closure(modules))
        }

    def changed(self, modules: Iterable[str]) -> list[str]:
        """Returns the sources whose bytes are no longer those of the snapshot."""
        return [
            name
            for name, path in sorted(self._closure(modules))
            if not path.is_file() or _sha256(path.read_bytes()) != self._digest(path)
        ]

    def save(self) -> None:
        """Keeps the imports of the sources seen for the next run."""
        if self._imports_file is None or self._used == self._imports:
            return
        self._imports_file.parent.mkdir(parents=True, exist_ok=True)
        beside = self._imports_file.with_name(
            f".{self._imports_file.name}.{os.getpid()}"
        )
        beside.write_text(json.dumps(self._used), encoding="utf-8")
        beside.rename(self._imports_file)

    def _closure(self, modules: Iterable[str]) -> set[tuple[str, Path]]:
        found: set[tuple[str, Path]] = set()
        waiting = [part for module in modules for part in _with_parents(module)]
        seen = set(waiting)
        while waiting:
            source = _own_source(waiting.pop())
            if source is None or source in found:
                continue
            found.add(source)
            name, path = source
            imported = self._imports_of(path)
            new = {part for one in imported for part in _absolute(one, name)} - seen
            seen |= new
            waiting.extend(new)
        return found

    def _digest(self, path: Path) -> str:
        if path not in self._digests:
            self._look_at(path)
        return self._digests[path]

    def _imports_of(self, path: Path) -> list[str]:
        return self._used[self._digest(path)]

    def _look_at(self, path: Path) -> None:
        """Reads a source once, so that digest and imports are of the same bytes."""
        source = path.read_bytes()
        digest = self._digests[path] = _sha256(source)
        if digest not in self._used:
            known = self._imports.get(digest)
            self._used[digest] = (
                sorted(set(_imported_names(source))) if known is None else known
            )


def _read_imports(path: Path | None) -> dict[str, list[str]]:
    if path is None or not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {
        digest: names
        for digest, names in found.items()
        if isinstance(names, list) and all(isinstance(name, str) for name in names)
    }


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _with_parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts) + 1)]


def _absolute(imported: str, source_name: str) -> list[str]:
    """Returns an imported module and the packages above it.

    Args:
        imported: As in the source: "a.b", or with leading dots a relative one.
        source_name: Whose import it is, as "models/flights/model.py".
    """
    name = imported.lstrip(".")
    num_dots = len(imported) - len(name)
    if num_dots:
        package = source_name.split("/")[:-num_dots]
        name = ".".join([*package, name] if name else package)
    return _with_parents(name)


def _own_source(module: str) -> tuple[str, Path] | None:
    """Returns the name and the file of a module's source; None for what is not ours."""
    top, *below = module.split(".")
    for root in _own_roots(top):
        if root.is_file():
            # A module beside no package; nothing lies below it.
            return root.name, root
        folder = root.joinpath(*below)
        # Python's own order: a package before a module of the same name.
        for candidate in (folder / "__init__.py", folder.with_suffix(".py")):
            if candidate.is_file() and candidate != root.with_suffix(".py"):
                return candidate.relative_to(root.parent).as_posix(), candidate
    return None


@cache
def _own_roots(top: str) -> tuple[Path, ...]:
    """Returns where a top-level module of the project's or the user's own lies.

    Returns:
        A module's file, or a package's folder; several folders where it is a package
        without `__init__.py`; nothing for what is not ours.
    """
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return ()
    if spec is None:
        return ()
    folders = spec.submodule_search_locations
    places = [spec.origin] if folders is None else list(folders)
    paths = [Path(place).resolve() for place in places if place]
    return tuple(
        path
        for path in paths
        if (path.suffix == ".py" or path.is_dir()) and is_own(path)
    )


def is_own(path: Path) -> bool:
    """Tells the project's and the user's sources from installed ones and Python's."""
    return "site-packages" not in path.parts and _STANDARD_LIBRARY not in path.parents


def _imported_names(source: bytes) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield module
            for alias in node.names:
                separator = "." if node.module else ""
                yield f"{module}{separator}{alias.name}"

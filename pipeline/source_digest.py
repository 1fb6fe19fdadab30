"""Digests the sources a node really uses, so that an edit reruns what it concerns.

TFX's cache key knows neither the source behind a dotted path nor library versions: an
edited preprocessing_fn would be answered from the cache. Each node's key gets a digest
over its modules, everything of this project they import, and the stack's versions.
"""

import ast
import hashlib
import importlib.metadata
import importlib.util
import platform
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[1]
_LIBRARIES = (
    "tfx",
    "tensorflow",
    "tensorflow-transform",
    "tensorflow-data-validation",
    "tensorflow-model-analysis",
    "tfx-bsl",
    "apache-beam",
    "keras",
    "numpy",
    "pyarrow",
)


def node_digest(modules: Iterable[str]) -> str:
    """Returns the SHA-256 (hex) of the sources of some modules and of the versions.

    Args:
        modules: Dotted module names; those that are not this project's, or the
            user's own beside it, count by their version only.
    """
    digest = hashlib.sha256(_versions().encode())
    for path in sorted(source_closure(modules)):
        digest.update(path.name.encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


@cache
def _versions() -> str:
    found = [f"python {platform.python_version()}"]
    for name in _LIBRARIES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{name} absent")
    return "\n".join(found)


def source_closure(modules: Iterable[str]) -> set[Path]:
    """Returns the source files of the modules and of all they import, transitively.

    Only files outside the installed libraries count. Imports inside functions do
    too; imports by computed name cannot be seen.
    """
    files: set[Path] = set()
    waiting = [part for module in modules for part in _with_parents(module)]
    while waiting:
        path = _own_source(waiting.pop())
        if path is not None and path not in files:
            files.add(path)
            waiting.extend(_imported_modules(path))
    return files


def _with_parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts) + 1)]


@cache
def _own_source(module: str) -> Path | None:
    top = module.partition(".")[0]
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None:
        return None
    top_path = Path(spec.origin).resolve()
    if top_path.suffix != ".py" or not _is_own(top_path):
        return None
    if top_path.name != "__init__.py":
        # A module beside no package; nothing lies below it.
        return top_path
    folder = top_path.parent.joinpath(*module.split(".")[1:])
    for candidate in (folder.with_suffix(".py"), folder / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def _is_own(path: Path) -> bool:
    """Tells the project's and the user's sources from installed ones and Python's."""
    standard_library = Path(ast.__file__).resolve().parent
    return "site-packages" not in path.parts and standard_library not in path.parents


def _imported_modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _with_parents(alias.name)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from _with_parents(node.module)
            for alias in node.names:
                yield f"{node.module}.{alias.name}"

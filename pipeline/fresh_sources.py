"""Imports the project's and the user's modules from their sources alone.

Python takes compiled bytecode for current where the source's size and time of change
are as they were. An edit that keeps both (a restored backup, a clock set back) would be
noticed by the cache key, which is made of bytes, and then the old code would run.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from pipeline.source_digest import is_own


def import_from_sources() -> None:
    """Ignores bytecode of own modules that are imported from now on."""
    sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Finds every module where it is; our own with another loader."""

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Returns what Python itself would find on its path."""
        spec = PathFinder.find_spec(name, path, target)
        if (
            spec is not None
            and spec.origin is not None
            and isinstance(spec.loader, SourceFileLoader)
            and is_own(Path(spec.origin))
        ):
            spec.loader = _FromSource(spec.loader.name, spec.loader.path)
        return spec


class _FromSource(SourceFileLoader):
    """Compiles the source every time."""

    def get_code(self, fullname: str) -> CodeType:
        """Returns the code of the source as it is now."""
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)

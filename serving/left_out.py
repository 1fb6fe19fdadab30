"""Leaves modules out while others are imported: they look as if not installed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class LeftOut(Loader):
    """A loader that fails as a missing package does."""

    def __init__(self, until: str) -> None:
        """Takes when it ends, such as "while TensorFlow is loaded"."""
        self._until = until

    def create_module(self, spec: ModuleSpec) -> None:
        """Leaves it to Python."""

    def exec_module(self, module: ModuleType) -> None:
        """Raises ModuleNotFoundError, as for a package that is not installed."""
        name = module.__name__
        raise ModuleNotFoundError(f"{name} is left out {self._until}", name=name)


@contextmanager
def asked_first(finder: MetaPathFinder) -> Iterator[None]:
    """Has a finder asked before all others, for as long as the context lasts."""
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)

"""Puts a module off: it is run when somebody asks for something it defines.

Python's own importlib.util.LazyLoader runs it at the first look of any kind, also at
what is known without running it: its file and its dictionary. TensorFlow's AutoGraph
looks at the file of every module there is, Beam's cache at each dictionary, so every
node would run them all.
"""

import threading
from collections.abc import Mapping
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_LOADER = "__put_off_loader__"


class PutOff(Loader):
    """A loader, for one module, that leaves its code for later."""

    def __init__(
        self, loader: Loader, known: Mapping[str, object] | None = None
    ) -> None:
        """Takes the loader that can run it, and what is known of it before."""
        self._loader = loader
        self._known = known or {}
        self._turn = threading.RLock()
        self._is_running = False

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Leaves it to the real loader."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Runs nothing yet."""
        module.__dict__.update(self._known)
        module.__dict__[_LOADER] = self
        module.__class__ = _PutOffModule

    def run(self, module: Any) -> None:
        """Runs the module's code, as its import would have; once.

        A thread that asks meanwhile waits; the module's own code sees what there is so
        far, as in every import.

        Raises:
            ImportError: It cannot be imported; whoever asks next tries again.
        """
        with self._turn:
            if self._is_running or _LOADER not in vars(module):
                return
            self._is_running = True
            spec: Any = module.__spec__
            try:
                module.__loader__ = spec.loader = self._loader
                self._loader.exec_module(module)
                module.__class__ = ModuleType
                del module.__dict__[_LOADER]
            except BaseException:
                module.__loader__ = spec.loader = self
                raise
            finally:
                self._is_running = False


class _PutOffModule(ModuleType):
    """A module whose code has not run; asked only for what it does not have."""

    def __getattr__(self, name: str) -> Any:
        self.__dict__[_LOADER].run(self)
        return object.__getattribute__(self, name)

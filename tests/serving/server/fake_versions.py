"""Versions without a model, for tests of what comes and goes when."""

import threading
import weakref


class FakeServable:
    """A version without a model; tells when the last reference is gone."""

    def __init__(self, name, version, path):
        self.name = name
        self.version = version
        self.path = path
        self.callback = lambda: None
        weakref.finalize(self, lambda holder: holder[0](), holder := [lambda: None])
        self._holder = holder

    def on_close(self, callback):
        self._holder[0] = callback


class Loads:
    """Loads what it is told to; counts."""

    def __init__(self):
        self.attempts = []
        self.problems = {}
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, name, version, path):
        self.attempts.append((name, version))
        assert self.gate.wait(10)
        problem = self.problems.get(version)
        if problem is not None:
            raise problem
        return FakeServable(name, version, path)

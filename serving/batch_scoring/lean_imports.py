"""Keeps a process that only scores from importing what scoring never uses.

Beam imports Google's cloud clients and IPython where they are installed, and pyarrow
imports pandas at the first array; together that took 5 of 9 s before the first row was
read. All three are optional to those who import them: where they are not installed,
Beam and pyarrow go on without. So for the length of a scoring they are not installed.

Only for a process that ends afterwards, and only with Beam's runner in this process:
pyarrow remembers that there is no pandas, and Dataflow needs Google's clients.
"""

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from types import ModuleType

UNUSED = (
    "IPython",
    "google.cloud.bigquery",
    "google.cloud.bigquery_storage_v1",
    "google.cloud.dataflow",
    "google.cloud.pubsub",
    "google.cloud.storage",
    "ipywidgets",
    "pandas",
    "pymongo",
)


class _NotInstalled(MetaPathFinder):
    """Answers for modules as if they were not installed."""

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - the protocol's signature
        target: ModuleType | None = None,  # noqa: ARG002 - likewise
    ) -> None:
        """Raises for the unused modules, and leaves all others to the next finder.

        Raises:
            ModuleNotFoundError: As Python does for a module that is not there.
        """
        if name in UNUSED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@contextmanager
def without_unused_modules() -> Iterator[None]:
    """Hides the unused modules that are not imported yet, and what Beam says of it."""
    finder = _NotInstalled()
    beam_log = logging.getLogger("apache_beam")
    level = beam_log.level
    beam_log.setLevel(logging.ERROR)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        beam_log.setLevel(level)

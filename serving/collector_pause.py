"""Pauses the search for garbage while modules are imported.

Of all that imports make nothing is garbage; looking for it takes a tenth of their time.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Has Python's collector off; afterwards it is as it was, also after an error."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()

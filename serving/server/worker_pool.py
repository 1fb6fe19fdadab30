"""Threads that run the models, so that the event loop never waits for one.

They are daemons: a model that hangs does not keep the process from ending.
"""

import logging
import queue
import threading
from collections.abc import Callable

_LOG = logging.getLogger(__name__)


class WorkerPool:
    """A fixed number of threads that take work in the order it came.

    Attributes:
        size: How many threads there are.
    """

    def __init__(self, size: int) -> None:
        """Starts the threads.

        Args:
            size: >= 1.
        """
        self.size = size
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        for number in range(size):
            threading.Thread(
                target=self._run, name=f"model-worker-{number}", daemon=True
            ).start()

    def submit(self, work: Callable[[], None]) -> None:
        """Lets a thread do this soon."""
        self._work.put(work)

    @property
    def has_waiting(self) -> bool:
        """Whether work waits for a thread."""
        return not self._work.empty()

    def close(self) -> None:
        """Lets the threads end once the work that waits is done."""
        for _ in range(self.size):
            self._work.put(None)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            try:
                work()
            except Exception:  # noqa: BLE001 - the thread is needed for other work
                _LOG.exception("a model's worker failed")
            del work

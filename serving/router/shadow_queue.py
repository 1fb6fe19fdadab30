"""Copies of requests for the candidate in shadow: whenever there is time, or never."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

_LOG = logging.getLogger(__name__)

Copy = Callable[[], Awaitable[None]]
"""Sends one copy and compares its answer; must raise nothing but CancelledError."""


class ShadowQueue:
    """Copies that wait or run, both within limits.

    Attributes:
        num_waiting: Copies not sent yet.
    """

    def __init__(
        self, max_waiting: int, concurrency: int, max_bytes: int = 256 << 20
    ) -> None:
        """Holds nothing.

        Args:
            max_waiting: Further copies are refused.
            concurrency: Copies that run at one time.
            max_bytes: Of the copies that wait or run; further ones are refused.
        """
        self._max_waiting = max_waiting
        self._concurrency = concurrency
        self._max_bytes = max_bytes
        self._num_bytes = 0
        self._waiting: deque[tuple[Copy, int]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def num_waiting(self) -> int:
        """Copies not sent yet."""
        return len(self._waiting)

    def offer(self, copy: Copy, num_bytes: int) -> bool:
        """Takes a copy; False: there is no room. Never waits.

        Args:
            copy: Is started now or later.
            num_bytes: That it keeps in memory.
        """
        is_full = len(self._waiting) >= self._max_waiting
        may_run = len(self._tasks) < self._concurrency
        if self._num_bytes + num_bytes > self._max_bytes or (is_full and not may_run):
            return False
        self._num_bytes += num_bytes
        if may_run:
            self._run(copy, num_bytes)
        else:
            self._waiting.append((copy, num_bytes))
        return True

    async def close(self, limit_s: float) -> int:
        """Lets copies that run or wait end; returns how many did not in time."""
        end_s = asyncio.get_running_loop().time() + limit_s
        while self._tasks:
            left_s = end_s - asyncio.get_running_loop().time()
            if left_s <= 0:
                break
            await asyncio.wait(self._tasks, timeout=left_s)
        num_left = len(self._tasks) + len(self._waiting)
        self._waiting.clear()
        for task in self._tasks:
            task.cancel()
        return num_left

    def _run(self, copy: Copy, num_bytes: int) -> None:
        task = asyncio.ensure_future(copy())
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._on_done(done, num_bytes))

    def _on_done(self, task: asyncio.Task[None], num_bytes: int) -> None:
        self._tasks.discard(task)
        self._num_bytes -= num_bytes
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.error("A copy in shadow failed: %r", error)
        if self._waiting:
            self._run(*self._waiting.popleft())

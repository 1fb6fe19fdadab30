"""Collects what comes in neighbouring turns of the event loop.

Under load requests do not come in the very same turn: a model that ran as soon as the
first is there would run for each by itself. So they are collected until some turns have
brought no new one, which takes microseconds where there is none.
"""

import asyncio
import time
from collections.abc import Callable


class Gathering[Item]:
    """What is being collected in one event loop."""

    def __init__(
        self,
        on_quiet: Callable[[list[Item]], None],
        *,
        quiet_turns: int,
        longest_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Collects nothing yet.

        Args:
            on_quiet: Takes what was collected, in order.
            quiet_turns: So many turns without a new one end it, >= 1.
            longest_s: After so many seconds it ends anyway.
            clock: Seconds that only grow.
        """
        self._on_quiet = on_quiet
        self._quiet_turns = quiet_turns
        self._longest_s = longest_s
        self._clock = clock
        self._items: list[Item] = []
        self._began_s = 0.0

    def add(self, item: Item) -> None:
        """Adds one; must be called in the event loop."""
        if not self._items:
            loop = asyncio.get_running_loop()
            self._began_s = self._clock()
            loop.call_soon(self._look, loop, 0, 0)
        self._items.append(item)

    def _look(
        self, loop: asyncio.AbstractEventLoop, num_before: int, num_quiet: int
    ) -> None:
        num_now = len(self._items)
        num_quiet = num_quiet + 1 if num_now == num_before else 0
        is_over = self._clock() - self._began_s > self._longest_s
        if num_quiet < self._quiet_turns and not is_over:
            loop.call_soon(self._look, loop, num_now, num_quiet)
            return
        items, self._items = self._items, []
        self._on_quiet(items)

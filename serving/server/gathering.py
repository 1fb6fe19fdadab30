"""Lets gRPC calls that are under way together reach the model together.

gRPC hands over one call a turn of the event loop, or fewer; a model that ran as soon as
the first is there would run for each by itself. So a call waits for the others, until
some turns have brought no new one, which takes microseconds where there is none.
"""

import asyncio
import time
from collections.abc import Callable

_QUIET_TURNS = 40
"""Turns without a new call after which nobody else is waited for. Of 4, 12 and 40, 40
gave the most calls a second at 64 connections (batches of 15 rather than 5), and cost
one connection 3 %."""
_LONGEST_S = 0.005


class Gathering:
    """The calls of one event loop that wait for each other."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Nobody waits yet."""
        self._clock = clock
        self._waiting: list[asyncio.Future[None]] = []
        self._began_s = 0.0

    async def join(self) -> None:
        """Returns when nobody new has come for some turns, or after 5 ms."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            self._began_s = self._clock()
            loop.call_soon(self._look, loop, 0, 0)
        own = loop.create_future()
        self._waiting.append(own)
        await own

    def _look(
        self, loop: asyncio.AbstractEventLoop, num_before: int, quiet_turns: int
    ) -> None:
        num_waiting = len(self._waiting)
        quiet_turns = quiet_turns + 1 if num_waiting == num_before else 0
        is_over = self._clock() - self._began_s > _LONGEST_S
        if quiet_turns < _QUIET_TURNS and not is_over:
            loop.call_soon(self._look, loop, num_waiting, quiet_turns)
            return
        waiting, self._waiting = self._waiting, []
        for own in waiting:
            if not own.done():  # its client hung up meanwhile
                own.set_result(None)

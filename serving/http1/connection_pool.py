"""All connections of a listener, and the clock that ends stale ones."""

import asyncio
from collections.abc import Iterable
from typing import Protocol

from serving.http1.limits import ConnectionLimits

_SWEEP_S = 0.5
_DRAIN_SWEEP_S = 0.02
_IDLE_GRACE_S = 0.3
"""A silent connection is left that long while draining; its client may be sending."""


class PooledConnection(Protocol):
    """What the pool asks of a connection."""

    def sweep(self, now_s: float) -> None:
        """Ends it where it has been waiting for too long."""

    def end_if_idle(self, now_s: float, idle_s: float) -> None:
        """Closes it where it has been silent that long between requests."""

    def abort(self) -> None:
        """Ends it at once."""


class ConnectionPool:
    """The connections of one listener.

    Attributes:
        limits: For all of them.
        is_draining: Whether every answer is to be its connection's last.
    """

    def __init__(self, limits: ConnectionLimits) -> None:
        """Starts empty."""
        self.limits = limits
        self.is_draining = False
        self._connections: set[PooledConnection] = set()
        self._held_bytes = 0
        self._sweeper: asyncio.TimerHandle | None = None

    @property
    def num_connections(self) -> int:
        """Open connections."""
        return len(self._connections)

    def start(self) -> None:
        """Starts the clock, in the running loop."""
        self._loop = asyncio.get_running_loop()
        self._sweep()

    def add(self, connection: PooledConnection) -> bool:
        """Counts a connection in; False: there are too many."""
        if len(self._connections) >= self.limits.max_connections:
            return False
        self._connections.add(connection)
        return True

    def remove(self, connection: PooledConnection) -> None:
        """Counts a connection out."""
        self._connections.discard(connection)

    def hold(self, count: int) -> bool:
        """Counts bytes of bodies in; False: they would be too many."""
        if self._held_bytes + count > self.limits.max_held_bytes:
            return False
        self._held_bytes += count
        return True

    def release(self, count: int) -> None:
        """Counts bytes of bodies out."""
        self._held_bytes -= count

    async def drain(self, drain_s: float) -> None:
        """Ends every connection after what it has accepted is answered.

        Args:
            drain_s: After it whatever is left is cut off.
        """
        self.is_draining = True
        deadline_s = self._loop.time() + drain_s
        while self._connections and self._loop.time() < deadline_s:
            now_s = self._loop.time()
            for connection in self._each():
                connection.end_if_idle(now_s, min(_IDLE_GRACE_S, drain_s / 2))
            await asyncio.sleep(_DRAIN_SWEEP_S)
        for connection in self._each():
            connection.abort()
        await asyncio.sleep(0)
        if self._sweeper is not None:
            self._sweeper.cancel()

    def _each(self) -> Iterable[PooledConnection]:
        return list(self._connections)

    def _sweep(self) -> None:
        now_s = self._loop.time()
        for connection in self._each():
            connection.sweep(now_s)
        self._sweeper = self._loop.call_later(_SWEEP_S, self._sweep)

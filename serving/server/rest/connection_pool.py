"""All connections of a server: what they share, and the clock that ends stale ones."""

import asyncio
import time
from collections.abc import Iterable
from email.utils import formatdate
from typing import Protocol

from serving.server.request_ids import RequestIds
from serving.server.rest.endpoints import Endpoints
from serving.server.rest.options import RestOptions

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

    def expire(self) -> None:
        """Gives up the request that runs."""

    def abort(self) -> None:
        """Ends it at once."""


class ConnectionPool:
    """What the connections of one server share.

    Attributes:
        endpoints: Answers requests.
        options: The server's.
        request_ids: For requests whose client sent none.
        is_draining: Whether every answer is to be its connection's last.
        date: The Date header with its line end; at most a second old.
    """

    def __init__(self, endpoints: Endpoints, options: RestOptions) -> None:
        """Starts empty."""
        self.endpoints = endpoints
        self.options = options
        self.is_draining = False
        self.date = ""
        self._connections: set[PooledConnection] = set()
        self._held_bytes = 0
        self.request_ids = RequestIds()
        self._sweeper: asyncio.TimerHandle | None = None
        # Deadlines of the requests that run, the earliest first: all have the same
        # time, so one timer does for all of them.
        self._deadlines_s: dict[PooledConnection, float] = {}
        self._next_expiry: asyncio.TimerHandle | None = None

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
        if len(self._connections) >= self.options.max_connections:
            return False
        self._connections.add(connection)
        return True

    def remove(self, connection: PooledConnection) -> None:
        """Counts a connection out."""
        self._connections.discard(connection)

    def hold(self, count: int) -> bool:
        """Counts bytes of bodies in; False: they would be too many."""
        if self._held_bytes + count > self.options.max_held_bytes:
            return False
        self._held_bytes += count
        return True

    def release(self, count: int) -> None:
        """Counts bytes of bodies out."""
        self._held_bytes -= count

    def watch(self, connection: PooledConnection) -> None:
        """Starts the clock of a connection's request."""
        deadline_s = self._loop.time() + self.options.timeout_s
        self._deadlines_s[connection] = deadline_s
        if self._next_expiry is None:
            self._next_expiry = self._loop.call_at(deadline_s, self._expire)

    def unwatch(self, connection: PooledConnection) -> None:
        """Stops it."""
        self._deadlines_s.pop(connection, None)

    def _expire(self) -> None:
        self._next_expiry = None
        late = []
        for connection, deadline_s in self._deadlines_s.items():
            if deadline_s > self._loop.time():
                self._next_expiry = self._loop.call_at(deadline_s, self._expire)
                break
            late.append(connection)
        for connection in late:
            self.unwatch(connection)
            connection.expire()

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
        for timer in (self._sweeper, self._next_expiry):
            if timer is not None:
                timer.cancel()

    def _each(self) -> Iterable[PooledConnection]:
        return list(self._connections)

    def _sweep(self) -> None:
        now_s = self._loop.time()
        self.date = f"Date: {formatdate(time.time(), usegmt=True)}\r\n"
        for connection in self._each():
            connection.sweep(now_s)
        self._sweeper = self._loop.call_later(_SWEEP_S, self._sweep)

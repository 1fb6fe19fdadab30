"""All connections of a server: what they share, and the clocks of their requests."""

import asyncio
import time
from email.utils import formatdate
from typing import Protocol

from serving.http1.connection_pool import ConnectionPool
from serving.server.request_ids import RequestIds
from serving.server.rest.endpoints import Endpoints
from serving.server.rest.options import RestOptions


class WatchedConnection(Protocol):
    """A connection whose request has a deadline."""

    def expire(self) -> None:
        """Gives up the request that runs."""


class RestPool(ConnectionPool):
    """What the connections of one server share.

    Attributes:
        endpoints: Answers requests.
        options: The server's.
        request_ids: For requests whose client sent none.
        date: The Date header with its line end; at most a second old.
    """

    def __init__(self, endpoints: Endpoints, options: RestOptions) -> None:
        """Starts empty."""
        super().__init__(options)
        self.endpoints = endpoints
        self.options = options
        self.date = ""
        self.request_ids = RequestIds()
        # Deadlines of the requests that run, the earliest first: all have the same
        # time, so one timer does for all of them.
        self._deadlines_s: dict[WatchedConnection, float] = {}
        self._next_expiry: asyncio.TimerHandle | None = None

    def watch(self, connection: WatchedConnection) -> None:
        """Starts the clock of a connection's request."""
        deadline_s = self._loop.time() + self.options.timeout_s
        self._deadlines_s[connection] = deadline_s
        if self._next_expiry is None:
            self._next_expiry = self._loop.call_at(deadline_s, self._expire)

    def unwatch(self, connection: WatchedConnection) -> None:
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
        """Ends every connection; see ConnectionPool."""
        await super().drain(drain_s)
        if self._next_expiry is not None:
            self._next_expiry.cancel()

    def _sweep(self) -> None:
        self.date = f"Date: {formatdate(time.time(), usegmt=True)}\r\n"
        super()._sweep()

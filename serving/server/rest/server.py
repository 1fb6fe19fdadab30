"""The REST server: listens, and stops without losing what it accepted."""

import asyncio
import socket

from serving.server.core import Backend
from serving.server.rest.connection import Connection
from serving.server.rest.connection_pool import RestPool
from serving.server.rest.endpoints import Endpoints
from serving.server.rest.options import RestOptions

__all__ = ["RestOptions", "RestServer"]

_BACKLOG = 1024


class RestServer:
    """Serves a backend's models over HTTP/1.1.

    Example:
        rest = RestServer(backend, RestOptions(timeout_s=30.0))
        port = await rest.start("0.0.0.0", 8501)
        …
        await rest.stop(drain_s=20.0)
        (tests/serving/server/rest/test_server.py starts and stops one so.)
    """

    def __init__(self, backend: Backend, options: RestOptions) -> None:
        """Builds it; nothing listens yet."""
        self._options = options
        self._pool = RestPool(Endpoints(backend, options), options)
        self._listener: asyncio.Server | None = None

    @property
    def num_connections(self) -> int:
        """Open connections."""
        return self._pool.num_connections

    async def start(
        self,
        host: str | None = None,
        port: int = 0,
        *,
        sock: socket.socket | None = None,
    ) -> int:
        """Listens in the running loop; uvloop's is the fastest.

        Args:
            host: Address; None: all.
            port: 0: any free one.
            sock: A bound socket, instead of both.

        Returns:
            The port.

        Raises:
            OSError: The address cannot be had.
        """
        loop = asyncio.get_running_loop()
        self._pool.start()

        def connect() -> Connection:
            return Connection(self._pool)

        if sock is not None:
            self._listener = await loop.create_server(
                connect, sock=sock, backlog=_BACKLOG
            )
        else:
            self._listener = await loop.create_server(
                connect,
                host,
                port,
                backlog=_BACKLOG,
                reuse_port=self._options.shares_port or None,
            )
        name = self._listener.sockets[0].getsockname()
        return int(name[1]) if isinstance(name, tuple) else 0

    async def stop(self, drain_s: float) -> None:
        """Takes no more connections, answers what was accepted, then ends them.

        A connection's last answer says "Connection: close". One that is silent is
        closed a moment later.

        Args:
            drain_s: After it whatever is left is cut off.
        """
        if self._listener is not None:
            self._listener.close()
        await self._pool.drain(drain_s)

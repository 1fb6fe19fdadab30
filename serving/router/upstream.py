"""The REST side of one upstream server, over kept connections."""

import asyncio
import ssl
from dataclasses import dataclass

from serving.client.rest_address import RestAddress
from serving.router.http_message import (
    Headers,
    ProxyAnswer,
    ProxyRequest,
    request_parts,
)
from serving.router.upstream_connection import UpstreamConnection, UpstreamError

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True, slots=True)
class UpstreamOptions:
    """How an upstream is used.

    Attributes:
        connect_timeout_s: For a connection, TLS included.
        keep_alive_s: A connection that was silent so long is not used again. Below what
            servers close a silent one after (ours 75 s, TF Serving's none).
        max_idle: Silent connections that are kept.
        max_answer_bytes: A longer answer counts as broken.
    """

    connect_timeout_s: float = 2.0
    keep_alive_s: float = 30.0
    max_idle: int = 256
    max_answer_bytes: int = 256 << 20


class Upstream:
    """Asks one server; must be used in one event loop.

    Attributes:
        address: Where it is.
    """

    def __init__(self, address: str, options: UpstreamOptions) -> None:
        """Connects with the first request.

        Raises:
            ValueError: The address is none.
        """
        self.address = RestAddress.parse(address)
        self._options = options
        self._prefix = self.address.prefix.encode()
        self._port = self.address.port or _PORTS[self.address.scheme]
        self._host = str(self.address).partition("://")[2].partition("/")[0].encode()
        is_tls = self.address.scheme == "https"
        self._ssl = ssl.create_default_context() if is_tls else None
        self._idle: list[UpstreamConnection] = []

    async def ask(
        self, request: ProxyRequest, headers: Headers, timeout_s: float
    ) -> ProxyAnswer:
        """Passes a request on.

        A kept connection that ends unanswered was closed by the server while it was
        silent; the request then goes over another one.

        Args:
            request: Gives method, path and body.
            headers: End-to-end ones, sent instead of its own.
            timeout_s: For all of it.

        Raises:
            UpstreamError: There is no whole answer.
        """
        parts = request_parts(request, self._host, self._prefix + request.path, headers)
        end_s = asyncio.get_running_loop().time() + timeout_s
        is_head = request.method == b"HEAD"
        while True:
            connection = self._take() or await self._connect(timeout_s)
            try:
                answer = await connection.exchange(parts, timeout_s, is_head=is_head)
            except UpstreamError as error:
                if not error.is_unanswered or connection.num_answers == 0:
                    raise
            else:
                self._give_back(connection)
                return answer
            timeout_s = end_s - asyncio.get_running_loop().time()
            if timeout_s <= 0:
                raise UpstreamError("timeout", "no answer in time")

    def close(self) -> None:
        """Ends the silent connections."""
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> UpstreamConnection | None:
        now_s = asyncio.get_running_loop().time()
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_usable:
                continue
            if now_s - connection.idle_since_s < self._options.keep_alive_s:
                return connection
            connection.close()
        return None

    def _give_back(self, connection: UpstreamConnection) -> None:
        if not connection.is_usable:
            return
        if len(self._idle) < self._options.max_idle:
            self._idle.append(connection)
        else:
            connection.close()

    async def _connect(self, timeout_s: float) -> UpstreamConnection:
        options = self._options
        limit_s = min(options.connect_timeout_s, timeout_s)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(limit_s):
                _, connection = await loop.create_connection(
                    lambda: UpstreamConnection(options.max_answer_bytes),
                    self.address.host,
                    self._port,
                    ssl=self._ssl,
                )
        except TimeoutError as error:
            message = f"no connection to {self.address} within {limit_s:g} s"
            raise UpstreamError("unreachable", message) from error
        except OSError as error:
            reason = error.strerror or str(error)
            message = f"no connection to {self.address}: {reason}"
            raise UpstreamError("unreachable", message) from error
        return connection

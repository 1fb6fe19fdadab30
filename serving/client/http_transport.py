"""Sends REST requests over kept connections, blocking or in a loop of asyncio.

httpcore does HTTP/1.1. httpx, which is built on it, hides what decides over a retry
(see watched_network); httpcore's own pool looks through all connections and all that
wait whenever a request is done, which with 64 at a time doubled the client's CPU time.
"""

import asyncio
import ssl
import threading
import time
from collections.abc import Mapping
from typing import Any

import httpcore

from serving.client.errors import (
    DeadlineExceededError,
    ProtocolError,
    UnavailableError,
)
from serving.client.rest_address import RestAddress
from serving.client.rest_wire import HttpReply, HttpRequest
from serving.client.steps import NoReply, Send
from serving.client.watched_network import (
    CURRENT_CALL,
    AsyncWatchedBackend,
    CallWatch,
    WatchedBackend,
)

_MAX_CONNECTIONS = 100
"""One more request waits, within its time-out, until one of these is free."""

_KEEPALIVE_S = 30.0
"""Below the 75 s after which our server closes a silent connection."""

_LATE = (httpcore.TimeoutException, TimeoutError)
_BROKEN = (httpcore.NetworkError, httpcore.RemoteProtocolError)


class HttpTransport:
    """Blocks; may be used by several threads."""

    def __init__(
        self,
        address: RestAddress,
        headers: Mapping[str, str],
        ssl_context: ssl.SSLContext | None,
    ) -> None:
        """Connects with the first request.

        Args:
            address: Of the server.
            headers: Sent with every request.
            ssl_context: For https; None: the system's certificates.
        """
        self._address = address
        self._headers = headers
        self._ssl_context = ssl_context
        self._places = threading.BoundedSemaphore(_MAX_CONNECTIONS)
        self._idle: list[httpcore.HTTPConnection] = []

    def exchange(self, step: Send) -> HttpReply | NoReply:
        """Sends a request and reads its answer."""
        watch = CallWatch(end_s=time.monotonic() + step.timeout_s)
        if not self._places.acquire(timeout=step.timeout_s):
            return _no_reply(TimeoutError(), watch)
        token = CURRENT_CALL.set(watch)
        connection = self._take()
        try:
            arguments = _arguments(step, self._address, self._headers)
            return _reply(connection.request(**arguments))
        except (*_LATE, *_BROKEN) as error:
            return _no_reply(error, watch)
        finally:
            # After anything but a whole answer httpcore has closed it.
            if connection.is_idle():
                self._idle.append(connection)
            CURRENT_CALL.reset(token)
            self._places.release()

    def close(self) -> None:
        """Closes the connections."""
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> httpcore.HTTPConnection:
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return httpcore.HTTPConnection(
                    _origin(self._address),
                    self._ssl_context,
                    keepalive_expiry=_KEEPALIVE_S,
                    network_backend=WatchedBackend(),
                )
            if not connection.has_expired():
                return connection
            connection.close()


class AsyncHttpTransport:
    """Waits in the loop of asyncio that it is first used in."""

    def __init__(
        self,
        address: RestAddress,
        headers: Mapping[str, str],
        ssl_context: ssl.SSLContext | None,
    ) -> None:
        """Connects with the first request; arguments as HttpTransport's."""
        self._address = address
        self._headers = headers
        self._ssl_context = ssl_context
        self._places = asyncio.Semaphore(_MAX_CONNECTIONS)
        self._idle: list[httpcore.AsyncHTTPConnection] = []

    async def exchange(self, step: Send) -> HttpReply | NoReply:
        """Sends a request and reads its answer."""
        watch = CallWatch(end_s=time.monotonic() + step.timeout_s)
        token = CURRENT_CALL.set(watch)
        try:
            async with asyncio.timeout(step.timeout_s), self._places:
                return await self._exchange(step)
        except (*_LATE, *_BROKEN) as error:
            return _no_reply(error, watch)
        finally:
            CURRENT_CALL.reset(token)

    async def close(self) -> None:
        """Closes the connections."""
        while self._idle:
            await self._idle.pop().aclose()

    async def _exchange(self, step: Send) -> HttpReply:
        connection = await self._take()
        try:
            arguments = _arguments(step, self._address, self._headers)
            return _reply(await connection.request(**arguments))
        finally:
            if connection.is_idle():
                self._idle.append(connection)

    async def _take(self) -> httpcore.AsyncHTTPConnection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.has_expired():
                return connection
            await connection.aclose()
        return httpcore.AsyncHTTPConnection(
            _origin(self._address),
            self._ssl_context,
            keepalive_expiry=_KEEPALIVE_S,
            network_backend=AsyncWatchedBackend(),
        )


def _origin(address: RestAddress) -> httpcore.Origin:
    return httpcore.URL(
        scheme=address.scheme, host=address.host, port=address.port, target="/"
    ).origin


def _arguments(
    step: Send, address: RestAddress, headers: Mapping[str, str]
) -> dict[str, Any]:
    request: HttpRequest = step.request
    sent = {**headers, "x-request-id": step.request_id}
    if request.method == "POST":
        sent["Content-Type"] = "application/json"
    limits = dict.fromkeys(("connect", "read", "write", "pool"), step.timeout_s)
    return {
        "method": request.method,
        "url": httpcore.URL(
            scheme=address.scheme,
            host=address.host,
            port=address.port,
            target=f"{address.prefix}{request.path}",
        ),
        "headers": sent,
        "content": request.body if request.method == "POST" else None,
        "extensions": {"timeout": limits},
    }


def _reply(response: httpcore.Response) -> HttpReply:
    headers = {
        name.decode("latin-1").lower(): value.decode("latin-1")
        for name, value in response.headers
    }
    return HttpReply(status=response.status, headers=headers, body=response.content)


def _no_reply(error: Exception, watch: CallWatch) -> NoReply:
    if isinstance(error, _LATE):
        return NoReply(kind=DeadlineExceededError, message="", may_retry=False)
    is_odd = isinstance(error, httpcore.RemoteProtocolError)
    if is_odd and watch.has_answer and not watch.has_ended:
        return NoReply(
            kind=ProtocolError,
            message=f"what came is no HTTP ({error}).",
            may_retry=False,
        )
    if watch.has_answer:
        return NoReply(
            kind=UnavailableError,
            message=f"the connection broke inside the answer ({error}).",
            may_retry=False,
        )
    is_unmade = isinstance(error, httpcore.ConnectError)
    what = "no connection" if is_unmade else "the connection was closed unanswered"
    return NoReply(kind=UnavailableError, message=f"{what} ({error}).", may_retry=True)

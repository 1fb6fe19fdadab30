"""Sockets that keep a call's time-out, and know whether an answer has begun.

HTTP libraries bound each read, so that a server which sends a byte now and then keeps
a caller waiting for ever; here every read gets what is left of the call's time. And
they do not tell a connection that broke before the answer from one that broke inside
it, which decides whether the request may be sent again.

The call under way is the context's (contextvars): a thread's or a task's own.
"""

import contextvars
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import httpcore

_SMALLEST_TIMEOUT_S = 1e-3


@dataclass(slots=True, kw_only=True)
class CallWatch:
    """One request under way.

    Attributes:
        end_s: When its time is over, on the monotonic clock.
        has_answer: Whether a byte of the answer came.
        has_ended: Whether the server closed its side.
    """

    end_s: float
    has_answer: bool = False
    has_ended: bool = False

    def bounded(self, timeout_s: float | None) -> float:
        """Returns a time-out that does not go beyond the call's."""
        remaining_s = max(_SMALLEST_TIMEOUT_S, self.end_s - time.monotonic())
        return remaining_s if timeout_s is None else min(timeout_s, remaining_s)

    def on_read(self, data: bytes) -> bytes:
        """Notes what was read; returns it."""
        if data:
            self.has_answer = True
        else:
            self.has_ended = True
        return data


CURRENT_CALL: contextvars.ContextVar[CallWatch] = contextvars.ContextVar("CURRENT_CALL")


class WatchedBackend(httpcore.SyncBackend):
    """Blocking sockets."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connects within the call's time."""
        bounded = CURRENT_CALL.get().bounded(timeout)
        return _Stream(
            super().connect_tcp(host, port, bounded, local_address, socket_options)
        )


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        call = CURRENT_CALL.get()
        return call.on_read(self._stream.read(max_bytes, call.bounded(timeout)))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, CURRENT_CALL.get().bounded(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        bounded = CURRENT_CALL.get().bounded(timeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, bounded))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class AsyncWatchedBackend(httpcore.AnyIOBackend):
    """Sockets of asyncio; the call's time is asyncio.timeout's to keep."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connects."""
        return _AsyncStream(
            await super().connect_tcp(
                host, port, timeout, local_address, socket_options
            )
        )


class _AsyncStream(httpcore.AsyncNetworkStream):
    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = await self._stream.read(max_bytes, timeout)
        return CURRENT_CALL.get().on_read(data)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return _AsyncStream(
            await self._stream.start_tls(ssl_context, server_hostname, timeout)
        )

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

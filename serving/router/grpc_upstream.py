"""The gRPC side of one upstream server; messages pass as bytes."""

from collections.abc import Callable
from typing import Any

import grpc

from serving.router.upstream import UpstreamOptions

Metadata = tuple[tuple[str, str | bytes], ...]

_RECONNECT_MS = 1000
"""gRPC's own 120 s would keep a server out that is long up again."""


class GrpcUpstream:
    """Calls one server; must be used in one event loop."""

    def __init__(self, target: str, options: UpstreamOptions) -> None:
        """Connects with the first call.

        Args:
            target: host:port.
            options: Limits of answers.
        """
        self._channel = grpc.aio.insecure_channel(
            target,
            options=[
                ("grpc.max_send_message_length", -1),
                ("grpc.max_receive_message_length", options.max_answer_bytes),
                ("grpc.max_reconnect_backoff_ms", _RECONNECT_MS),
                ("grpc.initial_reconnect_backoff_ms", 100),
                # A proxy of the environment knows nothing of the servers.
                ("grpc.enable_http_proxy", 0),
            ],
        )
        self._unary: dict[str, Callable[..., Any]] = {}

    def unary(self, method: str) -> Callable[..., Any]:
        """Returns what calls a method with one message for one."""
        found = self._unary.get(method)
        if found is None:
            found = self._unary[method] = self._channel.unary_unary(method)
        return found

    def stream(self, method: str) -> Callable[..., Any]:
        """Returns what calls a method with any number of messages for any number."""
        called: Callable[..., Any] = self._channel.stream_stream(method)
        return called

    async def close(self) -> None:
        """Ends the connection."""
        await self._channel.close()

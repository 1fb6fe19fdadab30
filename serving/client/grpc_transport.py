"""Sends gRPC requests over one channel, blocking or in a loop of asyncio.

A channel that could not connect fails every call at once for a second and longer; here
for as long as a retry waits, so that a server that comes up is found by the next one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc

from serving.client.errors import DeadlineExceededError
from serving.client.grpc_wire import GrpcReply, GrpcRequest
from serving.client.steps import NoReply, Send

_OPTIONS = (
    # TF Serving takes and gives messages of any size.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # grpc.min_reconnect_backoff_ms stays: it also bounds how long connecting may take.
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 2000),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelOptions:
    """How a channel is made.

    Attributes:
        target: As gRPC takes it: "host:port", "dns:///name:port", "unix:/path".
        credentials: grpc.ChannelCredentials; None: no TLS.
        metadata: Sent with every request; names in lower case.
        more: Options of gRPC's own, after ours.
    """

    target: str
    credentials: Any = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    more: Sequence[tuple[str, Any]] = ()

    def open(self, library: Any) -> Any:
        """Returns a channel.

        Args:
            library: grpc, or grpc.aio.
        """
        options = [*_OPTIONS, *self.more]
        if self.credentials is None:
            return library.insecure_channel(self.target, options=options)
        return library.secure_channel(self.target, self.credentials, options=options)

    def arguments(self, step: Send) -> dict[str, Any]:
        """Returns what a call is made with."""
        metadata = [*self.metadata.items(), ("x-request-id", step.request_id)]
        return {"timeout": step.timeout_s, "metadata": metadata}


class GrpcTransport:
    """Blocks; may be used by several threads."""

    def __init__(self, options: ChannelOptions) -> None:
        """Connects with the first request."""
        self._options = options
        self._channel = options.open(grpc)

    def exchange(self, step: Send) -> GrpcReply | NoReply:
        """Sends a request and reads its answer."""
        request: GrpcRequest = step.request
        method = self._channel.unary_unary(request.method)
        try:
            body, call = method.with_call(request.body, **self._options.arguments(step))
        except grpc.RpcError as error:
            return _failed(error)
        return _answered(body, call.trailing_metadata())

    def close(self) -> None:
        """Closes the channel."""
        self._channel.close()


class AsyncGrpcTransport:
    """Waits in the loop of asyncio that it is first used in."""

    def __init__(self, options: ChannelOptions) -> None:
        """Connects with the first request."""
        self._options = options
        self._channel: Any = None

    async def exchange(self, step: Send) -> GrpcReply | NoReply:
        """Sends a request and reads its answer."""
        if self._channel is None:
            # A channel belongs to the loop that runs when it is made.
            self._channel = self._options.open(grpc.aio)
        request: GrpcRequest = step.request
        call = self._channel.unary_unary(request.method)(
            request.body, **self._options.arguments(step)
        )
        try:
            body = await call
        except grpc.aio.AioRpcError as error:
            return _failed(error)
        return _answered(body, await call.trailing_metadata())

    async def close(self) -> None:
        """Closes the channel."""
        if self._channel is not None:
            await self._channel.close()


def _answered(body: bytes, metadata: Any) -> GrpcReply:
    return GrpcReply(code="OK", message="", metadata=_texts(metadata), body=body)


def _failed(error: Any) -> GrpcReply | NoReply:
    code, metadata = error.code().name, _texts(error.trailing_metadata())
    if code == "DEADLINE_EXCEEDED" and "x-request-id" not in metadata:
        # Our own clock's, not the server's word.
        return NoReply(kind=DeadlineExceededError, message="", may_retry=False)
    return GrpcReply(code=code, message=error.details() or "", metadata=metadata)


def _texts(metadata: Any) -> dict[str, str]:
    return {key: value for key, value in metadata or () if isinstance(value, str)}


def channel_credentials(root_certificates: bytes | None, credentials: Any) -> Any:
    """Returns grpc.ChannelCredentials; None: no TLS.

    Args:
        root_certificates: PEM; None: not given.
        credentials: grpc.ChannelCredentials; None: not given.

    Raises:
        ValueError: Both are given.
    """
    if root_certificates is None:
        return credentials
    if credentials is not None:
        raise ValueError(
            "root_certificates and credentials are both given; expected one of them."
        )
    return grpc.ssl_channel_credentials(root_certificates=root_certificates)

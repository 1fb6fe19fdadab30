"""One gRPC call to an upstream: bytes, metadata and codes.

Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md for reserved
metadata; doc/statuscodes.md for what the codes mean.
"""

from typing import Any

import grpc

from serving.router.arm_counts import ErrorKind
from serving.router.grpc_upstream import GrpcUpstream, Metadata

Code = grpc.StatusCode

_RESERVED_PREFIXES = ("grpc-", ":")
_RESERVED = frozenset(("user-agent", "content-type", "te"))
_CLIENT_ERRORS = (
    Code.INVALID_ARGUMENT,
    Code.NOT_FOUND,
    Code.ALREADY_EXISTS,
    Code.PERMISSION_DENIED,
    Code.FAILED_PRECONDITION,
    Code.OUT_OF_RANGE,
    Code.UNIMPLEMENTED,
    Code.UNAUTHENTICATED,
)
UNANSWERED = (Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED)
"""gRPC's words for "nobody is there, ask again", and "no time"."""


class CallError(Exception):
    """A call that ended with another code than OK.

    Attributes:
        code: gRPC's.
        details: Its words.
        trailing: Metadata that came with it.
    """

    def __init__(self, code: Any, details: str, trailing: Metadata = ()) -> None:
        super().__init__(details)
        self.code = code
        self.details = details
        self.trailing = trailing


async def call_unary(
    upstream: GrpcUpstream,
    method: str,
    request: bytes,
    metadata: Metadata,
    timeout_s: float,
) -> tuple[bytes, Metadata, Metadata]:
    """Returns the answer, its initial and its trailing metadata.

    Raises:
        CallError: It ended with another code than OK.
    """
    call = upstream.unary(method)(request, metadata=metadata, timeout=timeout_s)
    try:
        response = await call
    except grpc.aio.AioRpcError as error:
        raise call_error(error) from error
    initial = end_to_end(await call.initial_metadata())
    return response, initial, end_to_end(await call.trailing_metadata())


def call_error(error: Any) -> CallError:
    """Returns what a grpc.aio.AioRpcError says."""
    trailing = end_to_end(error.trailing_metadata())
    return CallError(error.code(), error.details() or "", trailing)


def end_to_end(metadata: Any) -> Metadata:
    """Returns the pairs that are not gRPC's own."""
    return tuple(
        (name, value)
        for name, value in metadata or ()
        if name not in _RESERVED and not name.startswith(_RESERVED_PREFIXES)
    )


def error_kind(code: Any) -> ErrorKind:
    """Returns whose error a code other than OK is."""
    if code is Code.UNAVAILABLE:
        return "unreachable"
    if code is Code.DEADLINE_EXCEEDED:
        return "timeout"
    return "client" if code in _CLIENT_ERRORS else "server"

"""The client without its input and output: what it wants done, one step after another.

A call is a generator. It yields what has to be done (Send a request, Pause) and is
sent what came of it; what it returns is the call's result. So the retries, the
time-outs and everything that is said and read are written once, and run over blocking
sockets as well as in a loop of asyncio, and in tests over nothing at all.

Source: https://sans-io.readthedocs.io for the way of building.
"""

import asyncio
import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Protocol

from serving.client.errors import ServingClientError


@dataclass(frozen=True, kw_only=True, slots=True)
class Send:
    """Send this and say what came back.

    Attributes:
        request: An HttpRequest or a GrpcRequest.
        request_id: To be sent with it.
        timeout_s: Seconds until the last byte of the answer; then a NoReply comes of
            it.
    """

    request: Any
    request_id: str
    timeout_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Pause:
    """Let so many seconds pass."""

    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class NoReply:
    """A request was not answered.

    Attributes:
        kind: UnavailableError; DeadlineExceededError where its time was over;
            ProtocolError where bytes came that the protocol does not have.
        message: What happened to the connection.
        may_retry: Whether nothing of an answer came, so that it may be sent again.
    """

    kind: type[ServingClientError]
    message: str
    may_retry: bool


type Steps[T] = Generator[Send | Pause, Any, T]


class Transport(Protocol):
    """Sends requests and waits for the answers."""

    def exchange(self, step: Send) -> Any:
        """Returns the reply, of the request's own kind, or a NoReply."""

    def close(self) -> None:
        """Ends the connections."""


class AsyncTransport(Protocol):
    """Sends requests without blocking the loop."""

    async def exchange(self, step: Send) -> Any:
        """Returns the reply, of the request's own kind, or a NoReply."""

    async def close(self) -> None:
        """Ends the connections."""


def run[T](steps: Steps[T], transport: Transport) -> T:
    """Does the steps of a call; returns its result, raises what it raises."""
    came: Any = None
    while True:
        try:
            step = steps.send(came)
        except StopIteration as end:
            result: T = end.value
            return result
        if isinstance(step, Send):
            came = transport.exchange(step)
        else:
            time.sleep(step.seconds)


async def run_async[T](steps: Steps[T], transport: AsyncTransport) -> T:
    """Does the same in a loop of asyncio."""
    came: Any = None
    while True:
        try:
            step = steps.send(came)
        except StopIteration as end:
            result: T = end.value
            return result
        if isinstance(step, Send):
            came = await transport.exchange(step)
        else:
            await asyncio.sleep(step.seconds)

"""gRPC calls that no arm is chosen for: the stable one answers them.

    unary methods                 as bytes
    reflection, Health/Watch      as streams of bytes
    grpc.health.v1.Health/Check   a server without it that is up serves, one that is
                                  down does not

A stream whose server ends it before the client's message is written ends with INTERNAL
in grpc.aio, so nothing is passed as a stream that need not be.

Source: https://github.com/grpc/grpc/blob/master/doc/health-checking.md.
"""

from collections.abc import AsyncIterator
from typing import Any

import grpc

from serving.router.grpc_calls import (
    UNANSWERED,
    CallError,
    Code,
    call_error,
    call_unary,
    end_to_end,
)
from serving.router.grpc_upstream import GrpcUpstream
from serving.router.router_core import RouterCore

_STREAMED = ("/grpc.reflection.", "/grpc.health.v1.Health/Watch")
_HEALTH_CHECK = "/grpc.health.v1.Health/Check"
_SERVING, _NOT_SERVING = b"\x08\x01", b"\x08\x02"  # HealthCheckResponse.status


class StablePassage:
    """Passes calls to the stable arm; nothing is counted."""

    def __init__(self, core: RouterCore) -> None:
        """Takes the router's parts."""
        self._core = core
        self._options = core.options

    def handler(self, method: str) -> Any:
        """Returns the handler of a method, known or not."""
        if method == _HEALTH_CHECK:
            return grpc.unary_unary_rpc_method_handler(self._answer_health)
        if method.startswith(_STREAMED):

            async def pass_stream(
                requests: AsyncIterator[bytes], context: Any
            ) -> AsyncIterator[bytes]:
                async for response in self._pass_stream(method, requests, context):
                    yield response

            return grpc.stream_stream_rpc_method_handler(pass_stream)

        async def pass_unary(request: bytes, context: Any) -> Any:
            return await self.pass_unary(method, request, context)

        return grpc.unary_unary_rpc_method_handler(pass_unary)

    async def pass_unary(self, method: str, request: bytes, context: Any) -> Any:
        """Answers a call of one message."""
        metadata = end_to_end(context.invocation_metadata())
        left_s = context.time_remaining()
        timeout_s = self._options.timeout_s if left_s is None else left_s
        try:
            response, initial, trailing = await call_unary(
                self._stable(), method, request, metadata, timeout_s
            )
        except CallError as error:
            return await context.abort(error.code, error.details, error.trailing)
        if initial:
            await context.send_initial_metadata(initial)
        context.set_trailing_metadata(trailing)
        return response

    async def _pass_stream(
        self, method: str, requests: AsyncIterator[bytes], context: Any
    ) -> AsyncIterator[bytes]:
        metadata = end_to_end(context.invocation_metadata())
        try:
            call = self._stable().stream(method)(
                requests, metadata=metadata, timeout=context.time_remaining()
            )
            async for response in call:
                yield response
            context.set_trailing_metadata(end_to_end(await call.trailing_metadata()))
        except grpc.aio.AioRpcError as error:
            found = call_error(error)
            await context.abort(found.code, found.details, found.trailing)
        except CallError as error:
            await context.abort(error.code, error.details)

    async def _answer_health(self, request: bytes, context: Any) -> Any:
        metadata = end_to_end(context.invocation_metadata())
        try:
            response, _, _ = await call_unary(
                self._stable(), _HEALTH_CHECK, request, metadata, self._options.probe_s
            )
        except CallError as error:
            if error.code is Code.UNIMPLEMENTED:
                return _SERVING
            if error.code in UNANSWERED:
                return _NOT_SERVING
            return await context.abort(error.code, error.details)
        return response

    def _stable(self) -> GrpcUpstream:
        link = self._core.links.of(self._core.live.current.stable)
        if link.grpc is None:
            raise CallError(
                Code.UNIMPLEMENTED,
                "the stable arm has no gRPC address; start the rollout or the router "
                "with one, or ask over REST",
            )
        return link.grpc

"""gRPC calls on their way to an arm and back; messages stay bytes.

    PredictionService/Predict of MODEL   to the arm that the request's key belongs to
    any other method                     to the stable arm; see stable_passage

What REST has in headers is in the metadata here, x-slipway-variant and x-request-id of
an answer in its trailing metadata.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import grpc

from serving.router import grpc_prediction
from serving.router.answered_prediction import AnsweredPrediction
from serving.router.grpc_calls import (
    UNANSWERED,
    CallError,
    Code,
    call_unary,
    end_to_end,
    error_kind,
)
from serving.router.grpc_prediction import PREDICT
from serving.router.grpc_upstream import Metadata
from serving.router.router_core import Attempt, RouterCore, beside, mirror
from serving.router.routing import ArmPlace, Routing
from serving.router.stable_passage import StablePassage

_MAX_ID_LENGTH = 200
_DEADLINE_SLACK_S = 0.01
_REQUEST_ID, _VARIANT = "x-request-id", "x-slipway-variant"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Calling:
    """A Predict under way.

    Attributes:
        metadata: That an arm gets, but for the variant.
        given: The client's, by name; of several values of a name the last.
        end_s: perf_counter's time at which the client or the router gives up.
    """

    request: bytes
    request_id: str
    metadata: Metadata
    given: dict[str, str | bytes]
    end_s: float

    def header(self, name: str) -> str:
        """Returns a value of the metadata; "": there is none."""
        value = self.given.get(name, "")
        return value if isinstance(value, str) else ""


class GrpcPassage(grpc.GenericRpcHandler):
    """Passes calls of one router; give it to a grpc.aio.Server."""

    def __init__(self, core: RouterCore) -> None:
        """Takes the router's parts."""
        self._core = core
        self._options = core.options
        self._rest = StablePassage(core)
        self._predict_handler = grpc.unary_unary_rpc_method_handler(
            self._answer_predict
        )

    def service(self, handler_call_details: Any) -> Any:
        """Returns the handler of a method; there is one for each."""
        method = handler_call_details.method
        if method == PREDICT:
            return self._predict_handler
        return self._rest.handler(method)

    async def _answer_predict(self, request: bytes, context: Any) -> Any:
        asked = grpc_prediction.asked_model(request)
        if asked.is_pinned or asked.name != self._options.model:
            return await self._rest.pass_unary(PREDICT, request, context)
        calling = self._calling(request, context)
        try:
            response, trailing = await self._predict(calling)
        except CallError as error:
            trailing = _with_id(error.trailing, calling.request_id)
            return await context.abort(error.code, error.details, trailing)
        context.set_trailing_metadata(_with_id(trailing, calling.request_id))
        return response

    def _calling(self, request: bytes, context: Any) -> _Calling:
        metadata = end_to_end(context.invocation_metadata())
        given = dict(metadata)
        request_id = given.get(_REQUEST_ID, "")
        if not isinstance(request_id, str) or not request_id.isprintable():
            request_id = ""
        request_id = request_id[:_MAX_ID_LENGTH] or self._core.request_ids.next()
        dropped = (_REQUEST_ID, _VARIANT) if self._sets_variant else (_REQUEST_ID,)
        kept = tuple(pair for pair in metadata if pair[0] not in dropped)
        left_s = context.time_remaining()
        limit_s = self._options.timeout_s
        return _Calling(
            request=request,
            request_id=request_id,
            metadata=(*kept, (_REQUEST_ID, request_id)),
            given=given,
            end_s=time.perf_counter()
            + (limit_s if left_s is None else min(left_s, limit_s)),
        )

    @property
    def _sets_variant(self) -> bool:
        return self._options.sets_variant

    async def _predict(self, calling: _Calling) -> tuple[bytes, Metadata]:
        """Asks the arm of the call's key, or the stable one in its place."""
        routing = self._core.live.current
        arm = routing.arm_of(calling.header("x-slipway-key"), calling.request_id)
        try:
            return await self._ask(calling, routing, arm, is_rescue=False)
        except CallError as error:
            is_unanswered = error.code in UNANSWERED
            if not is_unanswered or not self._core.may_retry(routing, arm):
                raise
        return await self._ask(calling, routing, routing.stable, is_rescue=True)

    async def _ask(
        self, calling: _Calling, routing: Routing, arm: ArmPlace, *, is_rescue: bool
    ) -> tuple[bytes, Metadata]:
        """Asks one arm, and counts.

        Raises:
            CallError: It answers with another code than OK, or not at all.
        """
        core = self._core
        attempt = core.attempt(routing, arm, is_rescue=is_rescue)
        left_s = calling.end_s - time.perf_counter()
        timeout_s = min(core.timeout_s(routing, arm), left_s)
        try:
            response, trailing = await self._send(calling, arm, timeout_s)
        except CallError as error:
            is_retried = core.may_retry(routing, arm)
            _count_error(attempt, error.code, is_retried=is_retried)
            raise
        except asyncio.CancelledError:
            # gRPC cancels for a deadline as for a client that hung up.
            if time.perf_counter() >= calling.end_s - _DEADLINE_SLACK_S:
                attempt.failed("timeout", is_retried=False)
            else:
                attempt.cancelled()
            raise
        attempt.answered()
        if self._sets_variant:
            trailing = (*trailing, (_VARIANT, arm.name))
        asyncio.get_running_loop().call_soon(
            self._look_back, calling, routing, arm, attempt, (response, trailing)
        )
        return response, trailing

    async def _send(
        self, calling: _Calling, arm: ArmPlace, timeout_s: float
    ) -> tuple[bytes, Metadata]:
        link = self._core.links.of(arm)
        if link.grpc is None:
            raise CallError(Code.UNAVAILABLE, f"arm {arm.name} has no gRPC address")
        if timeout_s <= 0:
            raise CallError(Code.DEADLINE_EXCEEDED, "no answer in time")
        metadata = calling.metadata
        if self._sets_variant:
            metadata = (*metadata, (_VARIANT, arm.name))
        request = calling.request
        if arm.version is not None:
            request = grpc_prediction.with_version(request, arm.version)
        response, _, trailing = await call_unary(
            link.grpc, PREDICT, request, metadata, timeout_s
        )
        return response, trailing

    def _look_back(
        self,
        calling: _Calling,
        routing: Routing,
        arm: ArmPlace,
        attempt: Attempt,
        answer: tuple[bytes, Metadata],
    ) -> None:
        """Does with an answer what its client need not wait for."""
        core, (response, trailing) = self._core, answer
        core.check_outputs(
            grpc_prediction.lacks_outputs, response, len(response), attempt
        )
        if core.recorder is not None:
            core.recorder.offer(
                self._answered(calling, arm, attempt.took_s, response, trailing)
            )
        candidate = routing.mirror_of(arm, calling.request_id)
        if candidate is not None:

            async def copy() -> None:
                await self._send_copy(calling, routing, candidate, response)

            size = len(calling.request) + len(response)
            mirror(core, core.counts(routing, candidate), copy, size)

    async def _send_copy(
        self, calling: _Calling, routing: Routing, arm: ArmPlace, given: bytes
    ) -> None:
        """Asks the candidate, counts, and holds its answer against the one given."""
        core = self._core
        counts = core.counts(routing, arm)
        counts.shadow_sent += 1
        attempt = Attempt(counts)
        try:
            response, _ = await self._send(
                calling, arm, core.options.candidate_timeout_s
            )
        except CallError as error:
            _count_error(attempt, error.code, is_retried=False)
            if error.code not in UNANSWERED:
                counts.shadow_compared += 1
                counts.shadow_different += 1
            return
        attempt.answered()
        lacks_outputs, are_alike = await beside(
            len(response), _judged, given, response, core.options.tolerance
        )
        if lacks_outputs:
            attempt.lacked_outputs()
        counts.shadow_compared += 1
        counts.shadow_different += not are_alike

    def _answered(
        self,
        calling: _Calling,
        arm: ArmPlace,
        took_s: float,
        response: bytes,
        trailing: Metadata,
    ) -> AnsweredPrediction:
        told = dict(trailing)
        given = calling.header(_VARIANT)
        return AnsweredPrediction(
            request_id=calling.request_id,
            answered_us=time.time_ns() // 1000,
            took_s=took_s,
            url=arm.url,
            variant=arm.name if self._sets_variant else given,
            key=calling.header("x-slipway-key"),
            event_time=calling.header("x-slipway-event-time"),
            version=str(told.get("x-slipway-model-version", "")),
            bundle_digest=str(told.get("x-slipway-bundle-digest", "")),
            exchange=(calling.request, response),
        )


def _judged(given: bytes, answer: bytes, tolerance: float) -> tuple[bool, bool]:
    """Returns whether a copy's answer lacks outputs, and whether it is like another."""
    return (
        grpc_prediction.lacks_outputs(answer),
        grpc_prediction.are_alike(given, answer, tolerance),
    )


def _count_error(attempt: Attempt, code: Any, *, is_retried: bool) -> None:
    kind = error_kind(code)
    if code in UNANSWERED:
        attempt.failed(kind, is_retried=is_retried)
    else:
        attempt.answered(kind)


def _with_id(trailing: Metadata, request_id: str) -> Metadata:
    if any(name == _REQUEST_ID for name, _ in trailing):
        return trailing
    return (*trailing, (_REQUEST_ID, request_id))

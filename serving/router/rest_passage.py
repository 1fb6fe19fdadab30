"""REST requests on their way to an arm and back.

    POST /v1/models/MODEL:predict   to the arm that the request's key belongs to
    any other path                  to the stable arm

An answer comes back as the arm gave it, with two more headers:

    x-slipway-variant   the arm that answered
    x-request-id        the client's own, the arm's, or one made here

Where no arm answers: 502 for a connection that failed, 504 for one that took too long.
"""

import asyncio
import logging
import time
from dataclasses import dataclass

from serving.router import rest_prediction
from serving.router.answered_prediction import AnsweredPrediction
from serving.router.arm_counts import ErrorKind
from serving.router.http_message import (
    Headers,
    ProxyAnswer,
    ProxyRequest,
    end_to_end,
    find_header,
)
from serving.router.request_reader import json_answer
from serving.router.router_core import Attempt, RouterCore, beside, mirror
from serving.router.routing import ArmPlace, Routing
from serving.router.upstream_connection import UpstreamError

_LOG = logging.getLogger(__name__)
_MAX_ID_LENGTH = 200
_REQUEST_ID, _VARIANT = b"x-request-id", b"x-slipway-variant"
_CLIENT_ERRORS = range(400, 500)
# The arm had no room or no time: its fault, not the request's.
_OVERLOADED = (408, 429)


@dataclass(kw_only=True, slots=True)
class _Passing:
    """A request under way.

    Attributes:
        headers: That an arm gets, but for the variant.
        begun_s: The loop's time; the router's own time limit counts from it.
    """

    request: ProxyRequest
    request_id: str
    headers: Headers
    begun_s: float


class RestPassage:
    """Passes requests of one router."""

    def __init__(self, core: RouterCore) -> None:
        """Takes the router's parts."""
        self._core = core
        self._options = core.options

    async def answer(self, request: ProxyRequest) -> ProxyAnswer:
        """Answers a request; raises nothing but CancelledError."""
        passing = self._passing(request)
        try:
            if rest_prediction.is_assigned(request, self._options.model):
                answer = await self._predict(passing)
            else:
                answer = await self._pass_on(passing)
        except UpstreamError as error:
            answer = json_answer(
                504 if error.kind == "timeout" else 502, f"No answer: {error}."
            )
        except Exception as error:  # noqa: BLE001 - one request is not the router
            _LOG.exception("A request failed.")
            answer = json_answer(500, f"{type(error).__name__}: {error}")
        if not find_header(answer.headers, _REQUEST_ID):
            answer.headers.append((_REQUEST_ID, passing.request_id.encode()))
        return answer

    def _passing(self, request: ProxyRequest) -> _Passing:
        given = request.header(_REQUEST_ID).decode("latin-1")
        is_usable = given.isascii() and given.isprintable()
        request_id = given[:_MAX_ID_LENGTH] if is_usable and given else ""
        request_id = request_id or self._core.request_ids.next()
        set_here = {_REQUEST_ID, _VARIANT} if self._sets_variant else {_REQUEST_ID}
        headers = [
            pair for pair in end_to_end(request.headers) if pair[0] not in set_here
        ]
        headers.append((_REQUEST_ID, request_id.encode()))
        return _Passing(
            request=request,
            request_id=request_id,
            headers=headers,
            begun_s=asyncio.get_running_loop().time(),
        )

    @property
    def _sets_variant(self) -> bool:
        return self._options.sets_variant

    async def _pass_on(self, passing: _Passing) -> ProxyAnswer:
        """Asks the stable arm; nothing is counted."""
        link = self._core.links.of(self._core.live.current.stable)
        answer = await link.rest.ask(
            passing.request, passing.headers, self._options.timeout_s
        )
        answer.headers = end_to_end(answer.headers)
        return answer

    async def _predict(self, passing: _Passing) -> ProxyAnswer:
        """Asks the arm of the request's key, or the stable one in its place."""
        routing = self._core.live.current
        key = passing.request.header(b"x-slipway-key").decode("latin-1")
        arm = routing.arm_of(key, passing.request_id)
        try:
            return await self._ask(passing, routing, arm, is_rescue=False)
        except UpstreamError:
            if not self._core.may_retry(routing, arm):
                raise
        return await self._ask(passing, routing, routing.stable, is_rescue=True)

    async def _ask(
        self, passing: _Passing, routing: Routing, arm: ArmPlace, *, is_rescue: bool
    ) -> ProxyAnswer:
        """Asks one arm, and counts.

        Raises:
            UpstreamError: It does not answer.
        """
        core, request = self._core, passing.request
        attempt = core.attempt(routing, arm, is_rescue=is_rescue)
        try:
            answer = await self._send(passing, routing, arm)
        except UpstreamError as error:
            attempt.failed(error.kind, is_retried=core.may_retry(routing, arm))
            raise
        except asyncio.CancelledError:
            attempt.cancelled()
            raise
        attempt.answered(error_kind(answer.status))
        answer.headers = end_to_end(answer.headers)
        if self._sets_variant:
            answer.headers.append((_VARIANT, arm.name.encode()))
        # In a later turn of the loop: the answer is on its way by then.
        asyncio.get_running_loop().call_soon(
            self._look_back, passing, routing, arm, attempt, (request, answer)
        )
        return answer

    async def _send(
        self, passing: _Passing, routing: Routing, arm: ArmPlace
    ) -> ProxyAnswer:
        loop = asyncio.get_running_loop()
        spent_s = loop.time() - passing.begun_s
        timeout_s = min(
            self._core.timeout_s(routing, arm), self._options.timeout_s - spent_s
        )
        if timeout_s <= 0:
            raise UpstreamError("timeout", "no answer in time")
        return await self._core.links.of(arm).rest.ask(
            _for_arm(passing.request, arm), self._headers(passing, arm), timeout_s
        )

    def _headers(self, passing: _Passing, arm: ArmPlace) -> Headers:
        if not self._sets_variant:
            return passing.headers
        return [*passing.headers, (_VARIANT, arm.name.encode())]

    def _look_back(
        self,
        passing: _Passing,
        routing: Routing,
        arm: ArmPlace,
        attempt: Attempt,
        exchange: tuple[ProxyRequest, ProxyAnswer],
    ) -> None:
        """Does with an answer what its client need not wait for."""
        core, (request, answer) = self._core, exchange
        if answer.status == rest_prediction.OK:
            core.check_outputs(
                rest_prediction.lacks_outputs, answer, len(answer.body), attempt
            )
            if core.recorder is not None:
                core.recorder.offer(
                    self._answered(passing, arm, attempt.took_s, exchange)
                )
        candidate = routing.mirror_of(arm, passing.request_id)
        if candidate is not None:

            async def copy() -> None:
                await self._send_copy(passing, routing, candidate, answer)

            size = len(request.body) + len(answer.body)
            mirror(core, core.counts(routing, candidate), copy, size)

    async def _send_copy(
        self, passing: _Passing, routing: Routing, arm: ArmPlace, given: ProxyAnswer
    ) -> None:
        """Asks the candidate, counts, and holds its answer against the one given."""
        core = self._core
        counts = core.counts(routing, arm)
        counts.shadow_sent += 1
        attempt = Attempt(counts)
        request, headers = _for_arm(passing.request, arm), self._headers(passing, arm)
        try:
            answer = await core.links.of(arm).rest.ask(
                request, headers, self._options.candidate_timeout_s
            )
        except UpstreamError as error:
            attempt.failed(error.kind, is_retried=False)
            return
        attempt.answered(error_kind(answer.status))
        lacks_outputs, are_alike = await beside(
            len(answer.body), _judged, given, answer, self._options.tolerance
        )
        if lacks_outputs:
            attempt.lacked_outputs()
        counts.shadow_compared += 1
        counts.shadow_different += not are_alike

    def _answered(
        self,
        passing: _Passing,
        arm: ArmPlace,
        took_s: float,
        exchange: tuple[ProxyRequest, ProxyAnswer],
    ) -> AnsweredPrediction:
        request, answer = exchange
        given = request.header(_VARIANT).decode("latin-1")
        return AnsweredPrediction(
            request_id=passing.request_id,
            answered_us=time.time_ns() // 1000,
            took_s=took_s,
            url=arm.url,
            variant=arm.name if self._sets_variant else given,
            key=request.header(b"x-slipway-key").decode("latin-1"),
            event_time=request.header(b"x-slipway-event-time").decode("latin-1"),
            version=find_header(answer.headers, b"x-slipway-model-version").decode(),
            bundle_digest=find_header(
                answer.headers, b"x-slipway-bundle-digest"
            ).decode("latin-1"),
            exchange=exchange,
        )


def _judged(
    given: ProxyAnswer, answer: ProxyAnswer, tolerance: float
) -> tuple[bool, bool]:
    """Returns whether a copy's answer lacks outputs, and whether it is like another."""
    is_good = answer.status == rest_prediction.OK
    return (
        is_good and rest_prediction.lacks_outputs(answer),
        rest_prediction.are_alike(given, answer, tolerance),
    )


def error_kind(status: int) -> ErrorKind | None:
    """Returns whose error a status is; None: it is none."""
    if status in _CLIENT_ERRORS and status not in _OVERLOADED:
        return "client"
    is_fine = 200 <= status < 400  # noqa: PLR2004 - HTTP's
    return None if is_fine else "server"


def _for_arm(request: ProxyRequest, arm: ArmPlace) -> ProxyRequest:
    if arm.version is None:
        return request
    return ProxyRequest(
        method=request.method,
        path=rest_prediction.with_version(request.path, arm.version),
        headers=request.headers,
        body=request.body,
        keeps_alive=request.keeps_alive,
        is_http_1_0=request.is_http_1_0,
        started_s=request.started_s,
    )

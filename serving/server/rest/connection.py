"""One connection of the REST server; many requests of a turn are answered as one."""

import asyncio
import time

from serving.http1.client_connection import ClientConnection
from serving.http1.message_reader import MessageReader
from serving.server.rest.connection_pool import RestPool
from serving.server.rest.http_message import (
    Answer,
    AnsweredRequest,
    HttpRequest,
    answer_bytes,
)
from serving.server.rest.model_json import error_body
from serving.server.rest.request_reader import RequestReader
from serving.server.status import Code, ServingError


class Connection(ClientConnection[HttpRequest]):
    """The protocol of one connection."""

    def __init__(self, pool: RestPool) -> None:
        """Belongs to a pool."""
        self._pool = pool
        self._options = pool.options
        self._turn = pool.endpoints.turn
        self._audience = pool.endpoints.audience
        self._is_observed = bool(self._audience)
        self._request: HttpRequest | None = None
        self._is_late = False
        self._remote = ""
        super().__init__(pool)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Takes its place in the pool, or is turned away."""
        peer = transport.get_extra_info("peername")
        self._remote = peer[0] if isinstance(peer, tuple) else ""
        super().connection_made(transport)

    def _new_reader(self) -> MessageReader[HttpRequest]:
        return RequestReader(self._options, self)

    def _start(self, request: HttpRequest) -> None:
        self._request = request
        self._is_busy = True
        self._is_late = False
        # One clock, also for a request that is sent back by the turn.
        self._pool.watch(self)
        if not self._turn.take(request, self._on_answer):
            self._start_alone(request)

    def _on_answer(self, request: HttpRequest, answer: Answer | None) -> None:
        """Takes what came of a request that was answered with others."""
        if self._request is not request:
            return  # given up meanwhile
        if self._is_lost:
            answer = Answer()
            self._set_cancelled(answer)
        if answer is None:
            self._start_alone(request)
        else:
            self._finish(request, answer)

    def _start_alone(self, request: HttpRequest) -> None:
        # Runs at once up to its first wait: an answer that needs none costs no turn
        # of the loop.
        task = asyncio.Task(self._serve(request), loop=self._loop, eager_start=True)
        if not task.done():
            self._task = task

    def expire(self) -> None:
        """Gives up the request that runs: it has taken too long."""
        self._is_late = True
        if self._task is not None:
            self._task.cancel()
        elif self._request is not None:
            answer = Answer()
            self._set_cancelled(answer)
            self._finish(self._request, answer)

    async def _serve(self, request: HttpRequest) -> None:
        answer = Answer()
        try:
            await self._pool.endpoints.answer(request, answer)
        except asyncio.CancelledError:
            self._set_cancelled(answer)
        self._finish(request, answer)

    def _set_cancelled(self, answer: Answer) -> None:
        if self._is_lost:
            error = ServingError(Code.CANCELLED, "The client hung up.")
        elif self._is_late:
            error = ServingError(
                Code.DEADLINE_EXCEEDED,
                f"The request took longer than {self._options.timeout_s:g} s.",
            )
        else:
            error = ServingError(Code.UNAVAILABLE, "The server is stopping.")
        answer.status, answer.code = error.http_status, error.code.name
        answer.body = error_body(error.message)

    def _finish(self, request: HttpRequest, answer: Answer) -> None:
        self._pool.unwatch(self)
        self._task = self._request = None
        self._is_busy = False
        request_id = request.request_id or self._pool.request_ids.next()
        if not self._is_lost:
            self._send(request, answer, request_id)
        if self._is_observed:
            self._audience.tell(
                AnsweredRequest(
                    request=request,
                    request_id=request_id,
                    answer=answer,
                    remote=self._remote,
                    took_s=time.perf_counter() - request.started_s,
                )
            )
        if (self._waiting or self._owes_continue) and not self._is_lost:
            self._pump()

    def _send(self, request: HttpRequest, answer: Answer, request_id: str) -> None:
        is_refused = request.refusal is not None and request.refusal.closes
        if not is_refused:
            self._release(request.received_bytes)
        closes = self._closes_after(keeps_alive=request.keeps_alive)
        self._transport.write(
            answer_bytes(
                answer,
                request,
                request_id=request_id,
                date=self._pool.date,
                closes=closes,
                has_cors=self._options.has_cors,
            )
        )
        self._sent(closes=closes, is_refused=is_refused)

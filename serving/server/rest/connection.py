"""One connection: requests in, answers out in the same order.

Requests of one connection are answered one after the other; a client that wants more
at a time opens more connections. A client that closes its side has hung up: what runs
for it is cancelled.
"""

import asyncio
import time
from collections import deque
from typing import cast

from serving.server.rest.connection_pool import ConnectionPool
from serving.server.rest.http_message import (
    Answer,
    AnsweredRequest,
    HttpRequest,
    answer_bytes,
)
from serving.server.rest.model_json import error_body
from serving.server.rest.request_reader import RequestReader
from serving.server.status import Code, ServingError

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LINGER_S = 2.0
"""How long a refused client may go on sending before the connection is cut: cut at
once, its unread bytes would take the answer with them."""


class Connection(asyncio.Protocol):
    """The protocol of one connection."""

    def __init__(self, pool: ConnectionPool) -> None:
        """Belongs to a pool."""
        self._pool = pool
        self._options = pool.options
        self._turn = pool.endpoints.turn
        self._audience = pool.endpoints.audience
        self._is_observed = bool(self._audience)
        self._loop = asyncio.get_running_loop()
        self._reader = RequestReader(pool.options, self)
        self._waiting: deque[HttpRequest] = deque()
        self._request: HttpRequest | None = None
        self._task: asyncio.Task[None] | None = None
        self._held_bytes = 0
        self._read_since_s = self._idle_since_s = self._loop.time()
        self._unread_since_s: float | None = None
        self._closing_since_s: float | None = None
        self._is_lost = self._is_late = False
        self._is_pumping = self._owes_continue = self._is_read_paused = False
        self._remote = ""

    # asyncio's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Takes its place in the pool, or is turned away."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._remote = peer[0] if isinstance(peer, tuple) else ""
        if not self._pool.add(self):
            self._reader.refuse(503, "The server has too many connections.")
            self._pump()
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Reads requests and answers the first that waits."""
        self._reader.feed(data)
        if len(self._waiting) == 1 and self._may_start():
            self._start(self._waiting.popleft())
        if self._waiting or self._owes_continue:
            if len(self._waiting) >= self._options.max_pipelined:
                self._is_read_paused = True
                self._transport.pause_reading()
            self._pump()

    def eof_received(self) -> bool:
        """The client hung up; connection_lost follows."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Cancels what runs for the client."""
        del error
        self._is_lost = True
        self._pool.remove(self)
        self._pool.release(self._held_bytes)
        self._held_bytes = 0
        self._reader.close()
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        """The client does not read its answers."""
        self._unread_since_s = self._loop.time()

    def resume_writing(self) -> None:
        """It read them."""
        self._unread_since_s = None
        self._pump()

    # The reader's side.

    def on_request_begin(self) -> None:
        """Starts the clock of a request."""
        self._read_since_s = self._loop.time()

    def on_continue_expected(self) -> None:
        """Asks for the body, after the answers that are owed."""
        self._owes_continue = True

    def on_body_bytes(self, count: int) -> bool:
        """Counts a body's bytes against what the server may hold."""
        is_held = self._pool.hold(count)
        self._held_bytes += count if is_held else 0
        return is_held

    def on_request(self, request: HttpRequest) -> None:
        """Queues a request."""
        self._waiting.append(request)

    # The pool's side.

    def sweep(self, now_s: float) -> None:
        """Ends the connection where it has been waiting for too long."""
        options = self._options
        if self._closing_since_s is not None:
            if now_s - self._closing_since_s > _LINGER_S:
                self.abort()
        elif self._unread_since_s is not None:
            if now_s - self._unread_since_s > options.write_timeout_s:
                self.abort()
        elif self._reader.is_inside_request:
            if now_s - self._read_since_s > options.read_timeout_s:
                self._reader.refuse(
                    408, f"The request took longer than {options.read_timeout_s:g} s."
                )
                self._pump()
        else:
            self.end_if_idle(now_s, options.keep_alive_s)

    def end_if_idle(self, now_s: float, idle_s: float) -> None:
        """Closes the connection where nothing has happened for that long."""
        is_busy = self._request is not None or bool(self._waiting)
        if is_busy or self._reader.is_inside_request:
            return
        if now_s - self._idle_since_s >= idle_s:
            self._transport.close()

    def abort(self) -> None:
        """Ends the connection at once."""
        self._transport.abort()

    # Answering.

    def _pump(self) -> None:
        """Answers what waits, as far as it can be answered at once."""
        if self._is_pumping:
            return
        self._is_pumping = True
        while self._waiting and self._may_start():
            self._start(self._waiting.popleft())
        self._is_pumping = False
        if self._owes_continue and self._request is None and not self._waiting:
            self._owes_continue = False
            if self._reader.is_inside_request:
                self._transport.write(_CONTINUE)

    def _may_start(self) -> bool:
        return (
            self._request is None
            and self._unread_since_s is None
            and self._closing_since_s is None
        )

    def _start(self, request: HttpRequest) -> None:
        self._request = request
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
        if request.refusal is None or not request.refusal.closes:
            self._held_bytes -= request.received_bytes
            self._pool.release(request.received_bytes)
        is_last = self._pool.is_draining and not self._waiting
        closes = is_last or not request.keeps_alive
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
        self._idle_since_s = self._loop.time()
        if closes:
            self._close(request)
        elif self._is_read_paused and len(self._waiting) < self._options.max_pipelined:
            self._is_read_paused = False
            self._transport.resume_reading()

    def _close(self, request: HttpRequest) -> None:
        """Closes after the answer; a refused client may first finish sending."""
        self._waiting.clear()
        self._closing_since_s = self._loop.time()
        if request.refusal is None or not request.refusal.closes:
            self._transport.close()
        elif self._transport.can_write_eof():
            self._transport.write_eof()

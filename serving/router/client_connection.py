"""One client's connection: requests in, answers out in the same order.

Requests of one connection are answered one after the other. A client that closes its
side has hung up: what runs for it is cancelled, at the upstream too.
"""

import asyncio
from collections import deque
from typing import cast

from serving.router.client_pool import ClientPool
from serving.router.http_message import ProxyAnswer, ProxyRequest, answer_parts
from serving.router.request_reader import ProxyRequestReader

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LINGER_S = 2.0
"""How long a refused client may go on sending before the connection is cut: cut at
once, its unread bytes would take the answer with them."""


class ClientConnection(asyncio.Protocol):
    """The protocol of one connection."""

    def __init__(self, pool: ClientPool) -> None:
        """Belongs to a pool."""
        self._pool = pool
        self._limits = pool.limits
        self._loop = asyncio.get_running_loop()
        self._reader = ProxyRequestReader(pool.limits, self)
        self._waiting: deque[ProxyRequest] = deque()
        self._is_busy = self._is_lost = self._is_pumping = False
        self._owes_continue = self._is_read_paused = False
        self._task: asyncio.Task[None] | None = None
        self._held_bytes = 0
        self._read_since_s = self._idle_since_s = self._loop.time()
        self._unread_since_s: float | None = None
        self._closing_since_s: float | None = None

    # asyncio's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Takes its place in the pool, or is turned away."""
        self._transport = cast("asyncio.Transport", transport)
        if not self._pool.add(self):
            self._reader.refuse(503, "The router has too many connections.")
            self._pump()
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Reads requests and answers the first that waits."""
        self._reader.feed(data)
        if len(self._waiting) >= self._limits.max_pipelined:
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
        """Counts a body's bytes against what the router may hold."""
        is_held = self._pool.hold(count)
        self._held_bytes += count if is_held else 0
        return is_held

    def on_request(self, request: ProxyRequest) -> None:
        """Queues a request."""
        self._waiting.append(request)

    # The pool's side.

    def sweep(self, now_s: float) -> None:
        """Ends the connection where it has been waiting for too long."""
        limits = self._limits
        if self._closing_since_s is not None:
            if now_s - self._closing_since_s > _LINGER_S:
                self.abort()
        elif self._unread_since_s is not None:
            if now_s - self._unread_since_s > limits.write_timeout_s:
                self.abort()
        elif self._reader.is_inside_request:
            if now_s - self._read_since_s > limits.read_timeout_s:
                self._reader.refuse(
                    408, f"The request took longer than {limits.read_timeout_s:g} s."
                )
                self._pump()
        else:
            self.end_if_idle(now_s, limits.keep_alive_s)

    def end_if_idle(self, now_s: float, idle_s: float) -> None:
        """Closes the connection where nothing has happened for that long."""
        if self._is_busy or self._waiting or self._reader.is_inside_request:
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
        if self._owes_continue and not self._is_busy and not self._waiting:
            self._owes_continue = False
            if self._reader.is_inside_request:
                self._transport.write(_CONTINUE)

    def _may_start(self) -> bool:
        return not (
            self._is_busy
            or self._is_lost
            or self._unread_since_s is not None
            or self._closing_since_s is not None
        )

    def _start(self, request: ProxyRequest) -> None:
        self._is_busy = True
        if request.refusal is not None:
            self._send(request, request.refusal)
            return
        # Runs at once up to its first wait.
        task = asyncio.Task(self._serve(request), loop=self._loop, eager_start=True)
        if not task.done():
            self._task = task

    async def _serve(self, request: ProxyRequest) -> None:
        try:
            answer = await self._pool.handler(request)
        except asyncio.CancelledError:
            if not self._is_lost:
                raise
            return  # the client hung up: nobody is to be answered
        self._task = None
        if not self._is_lost:
            self._send(request, answer)

    def _send(self, request: ProxyRequest, answer: ProxyAnswer) -> None:
        self._is_busy = False
        self._held_bytes -= len(request.body)
        self._pool.release(len(request.body))
        is_last = self._pool.is_draining and not self._waiting
        closes = is_last or not request.keeps_alive
        for part in answer_parts(answer, request, closes=closes):
            self._transport.write(part)
        self._idle_since_s = self._loop.time()
        if closes:
            self._close(is_refused=not request.method)
            return
        if self._is_read_paused and len(self._waiting) < self._limits.max_pipelined:
            self._is_read_paused = False
            self._transport.resume_reading()
        if self._waiting or self._owes_continue:
            self._pump()

    def _close(self, *, is_refused: bool) -> None:
        """Closes after the answer; a refused client may first finish sending."""
        self._waiting.clear()
        self._closing_since_s = self._loop.time()
        if is_refused and self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._transport.close()

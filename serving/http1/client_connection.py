"""One client's connection: requests in, answers out in the same order.

Requests of one connection are answered one after the other; a client that wants more
at a time opens more connections. A client that closes its side has hung up: what runs
for it is cancelled.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from typing import cast

from serving.http1.connection_pool import ConnectionPool
from serving.http1.message_reader import MessageReader

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LINGER_S = 2.0
"""How long a refused client may go on sending before the connection is cut: cut at
once, its unread bytes would take the answer with them."""


class ClientConnection[Request](asyncio.Protocol, ABC):
    """The protocol of one connection; how a request is answered, its children say.

    A child sets `_is_busy` while a request runs, calls `_sent` after every answer and
    then `_pump`.
    """

    def __init__(self, pool: ConnectionPool) -> None:
        """Belongs to a pool."""
        self._clients = pool
        self._limits = pool.limits
        self._loop = asyncio.get_running_loop()
        self._reader = self._new_reader()
        self._waiting: deque[Request] = deque()
        self._task: asyncio.Task[None] | None = None
        self._held_bytes = 0
        self._read_since_s = self._idle_since_s = self._loop.time()
        self._unread_since_s: float | None = None
        self._closing_since_s: float | None = None
        self._is_busy = self._is_lost = self._is_pumping = False
        self._owes_continue = self._is_read_paused = False

    @abstractmethod
    def _new_reader(self) -> MessageReader[Request]:
        """Returns what reads the connection, and tells it."""

    @abstractmethod
    def _start(self, request: Request) -> None:
        """Begins to answer a request."""

    # asyncio's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Takes its place in the pool, or is turned away."""
        self._transport = cast("asyncio.Transport", transport)
        if not self._clients.add(self):
            role = self._reader.role
            self._reader.refuse(503, f"The {role} has too many connections.")
            self._pump()
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Reads requests and answers the first that waits."""
        self._reader.feed(data)
        if len(self._waiting) == 1 and self._may_start():
            self._start(self._waiting.popleft())
        if self._waiting or self._owes_continue:
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
        self._clients.remove(self)
        self._clients.release(self._held_bytes)
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
        """Counts a body's bytes against what all connections may hold."""
        is_held = self._clients.hold(count)
        self._held_bytes += count if is_held else 0
        return is_held

    def on_request(self, request: Request) -> None:
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
            or self._unread_since_s is not None
            or self._closing_since_s is not None
        )

    def _release(self, count: int) -> None:
        """Counts an answered request's bytes out."""
        self._held_bytes -= count
        self._clients.release(count)

    def _closes_after(self, *, keeps_alive: bool) -> bool:
        """Tells whether the answer to a request is the connection's last."""
        is_last = self._clients.is_draining and not self._waiting
        return is_last or not keeps_alive

    def _sent(self, *, closes: bool, is_refused: bool) -> None:
        """Goes on after an answer was written; a refused client may finish sending."""
        self._idle_since_s = self._loop.time()
        if closes:
            self._waiting.clear()
            self._closing_since_s = self._idle_since_s
            if is_refused and self._transport.can_write_eof():
                self._transport.write_eof()
            else:
                self._transport.close()
        elif self._is_read_paused and len(self._waiting) < self._limits.max_pipelined:
            self._is_read_paused = False
            self._transport.resume_reading()

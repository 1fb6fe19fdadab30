"""One kept connection to an upstream: a request at a time, its answer whole."""

import asyncio
from typing import Literal, cast

import httptools

from serving.router.http_message import Headers, ProxyAnswer

_FIRST_FINAL = 200


class UpstreamError(Exception):
    """An upstream gave no answer.

    Attributes:
        kind: "unreachable": no connection; "broken": it ended before a whole answer, or
            what came was no HTTP; "timeout": no whole answer in time.
        is_unanswered: No byte of an answer came, and the connection ended.
    """

    def __init__(
        self,
        kind: Literal["unreachable", "broken", "timeout"],
        message: str,
        *,
        is_unanswered: bool = False,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.is_unanswered = is_unanswered


class UpstreamConnection(asyncio.Protocol):
    """The protocol of one connection.

    Attributes:
        is_usable: Whether another request may be sent.
        num_answers: So many came.
        idle_since_s: The loop's time of the last answer.
    """

    def __init__(self, max_answer_bytes: int) -> None:
        """Waits to be connected."""
        self._loop = asyncio.get_running_loop()
        self._max_answer_bytes = max_answer_bytes
        self._headers: Headers = []
        self._body: list[bytes] = []
        self._waiting: asyncio.Future[ProxyAnswer] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.is_usable = False
        self.num_answers = 0
        self.idle_since_s = self._loop.time()
        self._begin(is_head=False)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """May be used from now on."""
        self._transport = cast("asyncio.Transport", transport)
        self.is_usable = True

    def exchange(
        self, parts: tuple[bytes, ...], timeout_s: float, *, is_head: bool
    ) -> asyncio.Future[ProxyAnswer]:
        """Sends a request; the connection must be usable and have none.

        Args:
            parts: As request_parts makes them.
            timeout_s: From now to the whole answer.
            is_head: Whether the answer has no body whatever it says.

        Returns:
            Gets the answer, or UpstreamError. Cancelled, it ends the connection.
        """
        self._begin(is_head=is_head)
        self._parser = httptools.HttpResponseParser(self)
        self._waiting = waiting = self._loop.create_future()
        for part in parts:
            self._transport.write(part)
        self._timer = self._loop.call_later(timeout_s, self._expire, timeout_s)
        waiting.add_done_callback(self._on_done)
        return waiting

    def close(self) -> None:
        """Ends the connection."""
        self.is_usable = False
        self._transport.abort()

    # asyncio's side.

    def data_received(self, data: bytes) -> None:
        """Reads a part of an answer."""
        if self._waiting is None:
            self.close()  # nobody has asked for it
            return
        self._has_bytes = True
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(f"what it answered is no HTTP: {error!r}")

    def eof_received(self) -> bool:
        """The upstream has ended its side."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Fails what waits, but for an answer that ends with the connection."""
        self.is_usable = False
        if self._ends_with_connection and error is None:
            self.on_message_complete()
        else:
            why = "" if error is None else f" ({error})"
            self._fail(f"the connection ended before the answer did{why}")

    # What llhttp calls; the names are httptools'.

    def on_header(self, name: bytes, value: bytes) -> None:
        """Takes a header."""
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Learns how the body ends."""
        self._status = self._parser.get_status_code()
        names = {name for name, _ in self._headers}
        is_framed = not names.isdisjoint((b"content-length", b"transfer-encoding"))
        has_body = self._status >= _FIRST_FINAL and self._status not in (204, 304)
        self._ends_with_connection = has_body and not is_framed
        if self._is_head and self._status >= _FIRST_FINAL:
            self._keeps_alive = False
            self.on_message_complete()

    def on_body(self, body: bytes) -> None:
        """Takes a part of the body."""
        self._num_bytes += len(body)
        if self._num_bytes > self._max_answer_bytes:
            self._fail(f"its answer is longer than {self._max_answer_bytes} bytes")
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """Hands the answer over."""
        if self._waiting is None or self._waiting.done():
            return
        if self._status < _FIRST_FINAL:  # such as 103: another follows
            self._headers = []
            return
        keeps_alive = self._keeps_alive and self._parser.should_keep_alive()
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self.num_answers += 1
        self.idle_since_s = self._loop.time()
        answer = ProxyAnswer(status=self._status, headers=self._headers, body=body)
        self._waiting.set_result(answer)
        if not keeps_alive or self._ends_with_connection:
            self.close()

    def _begin(self, *, is_head: bool) -> None:
        self._headers = []
        self._body = []
        self._num_bytes = self._status = 0
        self._is_head = is_head
        self._keeps_alive = True
        self._ends_with_connection = self._has_bytes = False

    def _expire(self, timeout_s: float) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(
                UpstreamError("timeout", f"no answer within {timeout_s:g} s")
            )
        self.close()

    def _fail(self, why: str) -> None:
        if self._waiting is not None and not self._waiting.done():
            unanswered = not self._has_bytes
            self._waiting.set_exception(
                UpstreamError("broken", why, is_unanswered=unanswered)
            )
        self.close()

    def _on_done(self, waiting: asyncio.Future[ProxyAnswer]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._waiting = None
        if waiting.cancelled():
            self.close()

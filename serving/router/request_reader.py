"""Makes whole requests of a client's bytes, within limits.

HTTP/1.0 and 1.1 by llhttp (httptools): keep-alive, pipelining, chunked bodies. A
request to upgrade, such as Java's HttpClient sends with its first one, is passed on as
if it had not asked. What was read goes on with a Content-Length of its own, so both
sides of the router agree where a request ends, whatever the client sent (request
smuggling).

Source: RFC 9110, RFC 9112.
"""

import time
from typing import Protocol

import httptools

from serving.router.client_limits import ClientLimits
from serving.router.http_message import Headers, ProxyAnswer, ProxyRequest
from serving.server.rest.model_json import error_body

_HEADER_OVERHEAD_BYTES = 4
_UPGRADE_HEADERS = (b"connection", b"upgrade", b"http2-settings")
_JSON = (b"content-type", b"application/json")


class RequestSink(Protocol):
    """Whom a reader tells."""

    def on_request_begin(self) -> None:
        """A request's first byte came."""

    def on_continue_expected(self) -> None:
        """The client waits to be asked for the body."""

    def on_body_bytes(self, count: int) -> bool:
        """Bytes of a body came; False: there is no room for them."""

    def on_request(self, request: ProxyRequest) -> None:
        """A request is whole, or refused."""


class ProxyRequestReader:
    """Reads the requests of one connection.

    Attributes:
        is_inside_request: Whether one has begun and is not whole.
    """

    def __init__(self, limits: ClientLimits, sink: RequestSink) -> None:
        """Waits for the first byte."""
        self._limits = limits
        self._sink = sink
        self._parser = httptools.HttpRequestParser(self)
        self._is_stopped = False
        self._num_read = 0
        self._headers: Headers = []
        self._body: list[bytes] = []
        self.is_inside_request = False
        self._begin()

    def feed(self, data: bytes) -> None:
        """Reads bytes; tells the sink of what becomes whole by them."""
        num_read, rest = self._num_read, data
        while rest and not self._is_stopped:
            rest = self._feed(rest)
        if self._is_in_head and self._num_read == num_read:
            # llhttp hands a header on when it is whole: an endless one counts here.
            self._num_unread_bytes += len(data)
            self._check_head(self._num_unread_bytes)

    def _feed(self, data: bytes) -> bytes:
        """Reads up to a request that asks for an upgrade; returns what is left."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as error:
            return self._without_upgrade() + data[error.args[0] :]
        except httptools.HttpParserError as error:
            self.refuse(400, f"The request is no HTTP: {error}.")
        return b""

    def _without_upgrade(self) -> bytes:
        """The head as it would be had the client not asked; llhttp left its body."""
        method = self._parser.get_method()
        self._parser = httptools.HttpRequestParser(self)
        if method == b"CONNECT":
            self.refuse(400, "CONNECT is for proxies that tunnel.")
            return b""
        lines = [method + b" " + self._path + b" HTTP/1.1"]
        lines += [
            name + b": " + value
            for name, value in self._headers
            if name not in _UPGRADE_HEADERS
        ]
        return b"\r\n".join([*lines, b"", b""])

    def refuse(self, status: int, message: str) -> None:
        """Refuses the request that is being read, and all after it."""
        if self._is_stopped:
            return
        self._is_stopped = True
        self.is_inside_request = False
        self._body = []
        self._sink.on_request(
            ProxyRequest(
                method=b"",
                path=self._path,
                headers=[],
                body=b"",
                keeps_alive=False,
                is_http_1_0=False,
                started_s=time.perf_counter(),
                refusal=json_answer(status, message),
            )
        )

    def close(self) -> None:
        """Lets go of what it holds: reader and parser refer to each other."""
        self._is_stopped = True
        self._begin()
        del self._parser

    # What llhttp calls; the names are httptools'.

    def on_message_begin(self) -> None:
        """Starts a request."""
        self._begin()
        self.is_inside_request = self._is_in_head = True
        self._sink.on_request_begin()

    def on_url(self, url: bytes) -> None:
        """Takes a part of the path."""
        self._path += url
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Takes a header."""
        self._headers.append((name.lower(), value))
        self._count_head(len(name) + len(value) + _HEADER_OVERHEAD_BYTES)

    def on_headers_complete(self) -> None:
        """Checks what can be checked before the body comes."""
        self._is_in_head = False
        may_continue = not self._parser.should_upgrade()
        for name, value in self._headers:
            if name == b"content-length" and int(value) > self._limits.max_body_bytes:
                self._refuse_body()
            elif name == b"expect" and may_continue and _is_continue(value):
                self._sink.on_continue_expected()

    def on_body(self, body: bytes) -> None:
        """Takes a part of the body."""
        if self._is_stopped:
            return
        self._num_bytes += len(body)
        if self._num_bytes > self._limits.max_body_bytes:
            self._refuse_body()
        elif not self._sink.on_body_bytes(len(body)):
            self.refuse(503, "The router holds too many requests. Try again later.")
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """Hands the request on."""
        if self._is_stopped or self._parser.should_upgrade():
            return
        self.is_inside_request = False
        self._num_read += 1
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        request = ProxyRequest(
            method=self._parser.get_method(),
            path=self._path,
            headers=self._headers,
            body=body,
            keeps_alive=self._parser.should_keep_alive(),
            is_http_1_0=self._parser.get_http_version() == "1.0",
            started_s=time.perf_counter(),
        )
        self._body = []
        if not request.path.startswith(b"/"):
            shown = request.path.decode("latin-1")
            request.refusal = json_answer(400, f"The path is {shown}; expected /….")
        self._sink.on_request(request)

    def _begin(self) -> None:
        self._headers = []
        self._path = b""
        self._body = []
        self._num_bytes = self._num_head_bytes = self._num_unread_bytes = 0
        self._is_in_head = False

    def _count_head(self, count: int) -> None:
        self._num_head_bytes += count
        self._check_head(self._num_head_bytes)

    def _check_head(self, count: int) -> None:
        limit = self._limits.max_head_bytes
        if count > limit:
            self.refuse(431, f"The request's headers are longer than {limit} bytes.")

    def _refuse_body(self) -> None:
        limit = self._limits.max_body_bytes
        self.refuse(
            413, f"The request's body is longer than {limit} bytes. Send fewer rows."
        )


def _is_continue(value: bytes) -> bool:
    return value.strip().lower() == b"100-continue"


def json_answer(status: int, message: str) -> ProxyAnswer:
    """Returns an answer of the router's own, as TF Serving words errors."""
    return ProxyAnswer(status=status, headers=[_JSON], body=error_body(message))

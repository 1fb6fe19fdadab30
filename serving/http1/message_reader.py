"""Makes whole messages of a connection's bytes, within limits.

HTTP/1.0 and 1.1 by llhttp (httptools): keep-alive, pipelining, chunked bodies. A
request to upgrade, such as Java's HttpClient sends with its first one, is read as if it
had not asked.

Source: RFC 9110, RFC 9112.
"""

from abc import ABC, abstractmethod
from typing import Protocol

import httptools

from serving.http1.limits import ConnectionLimits

_HEADER_OVERHEAD_BYTES = 4
_UPGRADE_HEADERS = (b"connection", b"upgrade", b"http2-settings")


class MessageSink[Request](Protocol):
    """Whom a reader tells."""

    def on_request_begin(self) -> None:
        """A request's first byte came."""

    def on_continue_expected(self) -> None:
        """The client waits for "100 Continue" before it sends the body."""

    def on_body_bytes(self, count: int) -> bool:
        """More of a body came; False: there is no memory for it."""

    def on_request(self, request: Request) -> None:
        """A request is whole, or refused."""


class MessageReader[Request](ABC):
    """Reads one connection; what a request is, its children say."""

    role = "server"
    """Who refuses, in the words of a refusal."""

    def __init__(self, limits: ConnectionLimits, sink: MessageSink[Request]) -> None:
        """Takes the limits, and who gets the requests."""
        self._limits = limits
        self._sink = sink
        self._parser = httptools.HttpRequestParser(self)
        self._is_stopped = False
        self._num_read = 0
        self._body: list[bytes] = []
        self._begin()

    @abstractmethod
    def _whole(self, body: bytes) -> Request:
        """Returns the request that has just been read."""

    @abstractmethod
    def _refused(self, status: int, message: str) -> Request:
        """Returns what stands for a request that is refused, the connection's last."""

    def _take_header(self, name: bytes, value: bytes) -> None:
        """Is told of every header but two; the name is in lower case."""
        del name, value

    @property
    def is_inside_request(self) -> bool:
        """Whether a request has begun and is not whole."""
        return self._is_begun and not self._is_stopped

    def feed(self, data: bytes) -> None:
        """Reads on; after a refusal the rest is ignored."""
        num_read, rest = self._num_read, data
        while rest and not self._is_stopped:
            rest = self._feed(rest)
        if self._is_in_head and self._num_read == num_read:
            # llhttp hands a header on when it is whole: an endless one counts here.
            self._unread_head_bytes += len(data)
            self._check_head(self._unread_head_bytes)

    def refuse(self, status: int, message: str) -> None:
        """Refuses the request that is being read, and all after it."""
        if self._is_stopped:
            return
        self._is_stopped = True
        self._body = []
        self._sink.on_request(self._refused(status, message))

    def close(self) -> None:
        """Lets go of what it holds; it reads no more.

        Reader and parser refer to each other: without this a body that never became
        whole would stay in memory until some later day.
        """
        self._is_stopped = True
        self._begin()
        del self._parser

    def _feed(self, data: bytes) -> bytes:
        """Reads up to a request that asks for an upgrade; returns what is left."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as error:
            return self._without_upgrade() + data[error.args[0] :]
        except httptools.HttpParserError as error:
            self.refuse(400, f"Malformed HTTP request: {error}")
        return b""

    def _without_upgrade(self) -> bytes:
        """The head as it would be had the client not asked; llhttp left its body."""
        method = self._parser.get_method()
        self._parser = httptools.HttpRequestParser(self)
        if method == b"CONNECT":
            self.refuse(400, "Malformed HTTP request: CONNECT is for proxies")
            return b""
        lines = [method + b" " + self._path + b" HTTP/1.1"]
        lines += [
            name + b": " + value
            for name, value in self._headers
            if name not in _UPGRADE_HEADERS
        ]
        return b"\r\n".join([*lines, b"", b""])

    def _begin(self) -> None:
        self._is_begun = False
        self._is_in_head = False
        self._head_bytes = 0
        self._unread_head_bytes = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._path = b""
        self._body = []
        self._received_bytes = 0
        self._expects_continue = False

    # What llhttp calls; the names are httptools'.

    def on_message_begin(self) -> None:
        """Starts a request."""
        self._begin()
        self._is_begun = self._is_in_head = True
        self._sink.on_request_begin()

    def on_url(self, url: bytes) -> None:
        """Takes a part of the path."""
        self._path += url
        self._head_bytes += len(url)
        self._check_head(self._head_bytes)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Takes a header."""
        name = name.lower()
        self._headers.append((name, value))
        self._head_bytes += len(name) + len(value) + _HEADER_OVERHEAD_BYTES
        self._check_head(self._head_bytes)
        if name == b"content-length":
            if value.isdigit() and int(value) > self._limits.max_body_bytes:
                self._refuse_body()
        elif name == b"expect":
            self._expects_continue = value.strip().lower() == b"100-continue"
        else:
            self._take_header(name, value)

    def on_headers_complete(self) -> None:
        """Lets the client send the body."""
        self._is_in_head = False
        if self._expects_continue and not self._parser.should_upgrade():
            self._sink.on_continue_expected()

    def on_body(self, body: bytes) -> None:
        """Takes a part of the body."""
        if self._is_stopped:
            return
        self._received_bytes += len(body)
        if self._received_bytes > self._limits.max_body_bytes:
            self._refuse_body()
        elif not self._sink.on_body_bytes(len(body)):
            self.refuse(
                503, f"The {self.role} holds too many requests. Try again later."
            )
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """Hands the request on."""
        if self._is_stopped or self._parser.should_upgrade():
            return
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        request = self._whole(body)
        self._is_begun = False
        self._num_read += 1
        self._body = []
        self._sink.on_request(request)

    def _check_head(self, count: int) -> None:
        limit = self._limits.max_head_bytes
        if count > limit:
            self.refuse(431, f"The request's headers are longer than {limit} bytes.")

    def _refuse_body(self) -> None:
        self.refuse(413, self._body_limit())

    def _body_limit(self) -> str:
        limit = self._limits.max_body_bytes
        return f"The request's body is longer than {limit} bytes. Send fewer rows."

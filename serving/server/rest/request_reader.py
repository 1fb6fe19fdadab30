"""Makes whole requests of a connection's bytes, within limits.

HTTP/1.0 and 1.1 by llhttp (httptools): keep-alive, pipelining, chunked bodies. A
request to upgrade, such as Java's HttpClient sends with its first one, is answered
over HTTP/1.1 as if it had not asked. gzip is undone here, never beyond the limit.
Source: RFC 9110, RFC 9112; tensorflow_serving/util/net_http for gzip.
"""

import time
import zlib
from dataclasses import replace
from typing import Protocol

import httptools

from serving.prediction_log.logged_request import NO_FACTS
from serving.server.rest.http_message import HttpRequest, Refusal
from serving.server.rest.known_head import MAX_DIGITS, KnownHead
from serving.server.rest.options import RestOptions

_GZIP_BITS = 31
_MAX_ID_LENGTH = 200
_HEAD_OVERHEAD_BYTES = 4
_UPGRADE_HEADERS = (b"connection", b"upgrade", b"http2-settings")
_KNOWN_ENCODINGS = (b"", b"identity")
_MAX_LEARNT = 8
"""A client whose heads go on changing, say by a request id, is not learnt from."""


class RequestSink(Protocol):
    """Takes what a RequestReader reads."""

    def on_request_begin(self) -> None:
        """A request's first byte came."""

    def on_continue_expected(self) -> None:
        """The client waits for "100 Continue" before it sends the body."""

    def on_body_bytes(self, count: int) -> bool:
        """More of a body came; False: there is no memory for it."""

    def on_request(self, request: HttpRequest) -> None:
        """A request is whole, or refused."""


class RequestReader:
    """Reads one connection."""

    def __init__(self, options: RestOptions, sink: RequestSink) -> None:
        """Takes the limits, and who gets the requests."""
        self._options = options
        self._sink = sink
        self._parser = httptools.HttpRequestParser(self)
        self._is_stopped = False
        self._num_read = 0
        self._known: KnownHead | None = None
        self._num_learnt = 0
        self._newest: HttpRequest | None = None
        self._begin()

    def feed(self, data: bytes) -> None:
        """Reads on; after a refusal that closes the rest is ignored."""
        if self._known is not None and self._takes_known(self._known, data):
            return
        num_read, rest = self._num_read, data
        is_start = not self._is_begun
        while rest and not self._is_stopped:
            rest = self._feed(rest)
        if self._is_in_head and self._num_read == num_read:
            # llhttp hands a header on when it is whole: an endless one counts here.
            self._unread_head_bytes += len(data)
            self._check_head(self._unread_head_bytes)
        newest, self._newest = self._newest, None
        if newest is None:
            return
        if not newest.keeps_alive:
            self._known = None  # whatever follows is an error
        elif is_start and self._num_read == num_read + 1:
            self._learn(data, newest)

    def _takes_known(self, known: KnownHead, data: bytes) -> bool:
        """Reads a whole request whose head is known; False: llhttp must read it."""
        if self._is_begun or self._is_stopped:
            return False
        request = known.request(data, self._options.max_body_bytes)
        if request is None or not self._sink.on_body_bytes(len(request.body)):
            return False
        self._sink.on_request(request)
        return True

    def _learn(self, data: bytes, request: HttpRequest) -> None:
        """Remembers the head of a request that was all of the data."""
        if self._is_begun or self._is_stopped or self._num_learnt == _MAX_LEARNT:
            return
        if self._head_bytes + MAX_DIGITS > self._options.max_head_bytes:
            return
        names = [name.lower() for name, _ in self._headers]
        known = KnownHead.of(data, request, names)
        if known is not None:
            self._num_learnt += 1
            self._known = known

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
            if name.lower() not in _UPGRADE_HEADERS
        ]
        return b"\r\n".join([*lines, b"", b""])

    @property
    def is_inside_request(self) -> bool:
        """Whether a request has begun and is not whole."""
        return self._is_begun and not self._is_stopped

    def _begin(self) -> None:
        self._is_begun = False
        self._is_in_head = False
        self._head_bytes = 0
        self._unread_head_bytes = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._path = b""
        self._body: list[bytes] = []
        self._received_bytes = 0
        self._encoding = b""
        self._request_id = ""
        self._facts = NO_FACTS
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
        self._headers.append((name, value))
        self._head_bytes += len(name) + len(value) + _HEAD_OVERHEAD_BYTES
        self._check_head(self._head_bytes)
        read = _HEADERS.get(name.lower())
        if read is not None:
            read(self, value)

    def _read_encoding(self, value: bytes) -> None:
        self._encoding = value.strip().lower()

    def _read_length(self, value: bytes) -> None:
        if value.isdigit() and int(value) > self._options.max_body_bytes:
            self._refuse_body()

    def _read_expect(self, value: bytes) -> None:
        self._expects_continue = value.strip().lower() == b"100-continue"

    def _read_id(self, value: bytes) -> None:
        text = value.decode("latin-1")
        if text.isascii() and text.isprintable():
            self._request_id = text[:_MAX_ID_LENGTH]

    def _read_event_time(self, value: bytes) -> None:
        self._facts = replace(self._facts, event_time=_plain_text(value))

    def _read_key(self, value: bytes) -> None:
        self._facts = replace(self._facts, key=_plain_text(value))

    def _read_variant(self, value: bytes) -> None:
        self._facts = replace(self._facts, variant=_plain_text(value))

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
        if self._received_bytes > self._options.max_body_bytes:
            self._refuse_body()
        elif not self._sink.on_body_bytes(len(body)):
            self.refuse(503, "The server holds too many requests. Try again later.")
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """Hands the request on."""
        if self._is_stopped or self._parser.should_upgrade():
            return
        body, refusal = self._decoded_body()
        self._is_begun = False
        self._num_read += 1
        self._newest = HttpRequest(
            method=self._parser.get_method().decode(),
            path=self._path,
            body=body,
            received_bytes=self._received_bytes,
            request_id=self._request_id,
            keeps_alive=self._parser.should_keep_alive(),
            is_http_1_0=self._parser.get_http_version() == "1.0",
            started_s=time.perf_counter(),
            refusal=refusal,
            facts=self._facts,
        )
        self._body = []
        self._sink.on_request(self._newest)

    def _decoded_body(self) -> tuple[bytes, Refusal | None]:
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        if self._encoding in _KNOWN_ENCODINGS or not body:
            return body, None
        if self._encoding not in (b"gzip", b"x-gzip"):
            shown = self._encoding.decode("latin-1")
            return b"", Refusal(
                status=415,
                message=f"Content-Encoding is {shown}; expected gzip or none.",
                closes=False,
            )
        return self._unzipped(body)

    def _unzipped(self, body: bytes) -> tuple[bytes, Refusal | None]:
        limit = self._options.max_body_bytes
        unzip = zlib.decompressobj(_GZIP_BITS)
        try:
            plain = unzip.decompress(body, limit + 1)
        except zlib.error as error:
            return b"", Refusal(
                status=400, message=f"The body is no gzip: {error}.", closes=False
            )
        if len(plain) > limit:
            return b"", self._body_refusal(closes=False)
        if not unzip.eof:
            return b"", Refusal(
                status=400, message="The gzip body ends too early.", closes=False
            )
        return plain, None

    def _check_head(self, count: int) -> None:
        if count > self._options.max_head_bytes:
            self.refuse(
                431,
                "The request's headers are longer than "
                f"{self._options.max_head_bytes} bytes.",
            )

    def _body_refusal(self, *, closes: bool) -> Refusal:
        return Refusal(
            status=413,
            message="The request's body is longer than "
            f"{self._options.max_body_bytes} bytes. Send fewer rows.",
            closes=closes,
        )

    def _refuse_body(self) -> None:
        refusal = self._body_refusal(closes=True)
        self.refuse(refusal.status, refusal.message)

    def close(self) -> None:
        """Lets go of what it holds; it reads no more.

        Reader and parser refer to each other: without this a body that never became
        whole would stay in memory until some later day.
        """
        self._is_stopped = True
        self._begin()
        del self._parser

    def refuse(self, status: int, message: str) -> None:
        """Refuses the request that is being read, and all after it."""
        if self._is_stopped:
            return
        self._is_stopped = True
        self._body = []
        self._sink.on_request(
            HttpRequest(
                method="",
                path=self._path,
                body=b"",
                received_bytes=self._received_bytes,
                request_id=self._request_id,
                keeps_alive=False,
                is_http_1_0=False,
                started_s=time.perf_counter(),
                refusal=Refusal(status=status, message=message),
            )
        )


def _plain_text(value: bytes) -> str:
    """Returns a header's value; "" where it has other than printable ASCII."""
    text = value.decode("latin-1")
    return text if text.isascii() and text.isprintable() else ""


# What a header's value is read by; the others are skipped.
_HEADERS = {
    b"content-encoding": RequestReader._read_encoding,
    b"content-length": RequestReader._read_length,
    b"expect": RequestReader._read_expect,
    b"x-request-id": RequestReader._read_id,
    b"x-slipway-event-time": RequestReader._read_event_time,
    b"x-slipway-key": RequestReader._read_key,
    b"x-slipway-variant": RequestReader._read_variant,
}

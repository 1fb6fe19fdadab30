"""Makes whole requests of a connection's bytes, within limits.

What is HTTP's is MessageReader's. Here are the headers that the server knows, gzip,
which is never undone beyond the limit, and heads that are known by heart.
Source: RFC 9110; tensorflow_serving/util/net_http for gzip.
"""

import time
import zlib
from dataclasses import replace

from serving.http1.message_reader import MessageReader, MessageSink
from serving.prediction_log.logged_request import NO_FACTS
from serving.server.rest.http_message import HttpRequest, Refusal
from serving.server.rest.known_head import MAX_DIGITS, KnownHead
from serving.server.rest.options import RestOptions

_GZIP_BITS = 31
_MAX_ID_LENGTH = 200
_KNOWN_ENCODINGS = (b"", b"identity")
_MAX_LEARNT = 8
"""A client whose heads go on changing, say by a request id, is not learnt from."""


class RequestReader(MessageReader[HttpRequest]):
    """Reads one connection."""

    def __init__(self, options: RestOptions, sink: MessageSink[HttpRequest]) -> None:
        """Takes the limits, and who gets the requests."""
        self._known: KnownHead | None = None
        self._num_learnt = 0
        self._newest: HttpRequest | None = None
        super().__init__(options, sink)

    def feed(self, data: bytes) -> None:
        """Reads on; after a refusal that closes the rest is ignored."""
        if self._known is not None and self._takes_known(self._known, data):
            return
        num_read, is_start = self._num_read, not self._is_begun
        super().feed(data)
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
        request = known.request(data, self._limits.max_body_bytes)
        if request is None or not self._sink.on_body_bytes(len(request.body)):
            return False
        self._sink.on_request(request)
        return True

    def _learn(self, data: bytes, request: HttpRequest) -> None:
        """Remembers the head of a request that was all of the data."""
        if self._is_begun or self._is_stopped or self._num_learnt == _MAX_LEARNT:
            return
        if self._head_bytes + MAX_DIGITS > self._limits.max_head_bytes:
            return
        names = [name for name, _ in self._headers]
        known = KnownHead.of(data, request, names)
        if known is not None:
            self._num_learnt += 1
            self._known = known

    def _begin(self) -> None:
        super()._begin()
        self._encoding = b""
        self._request_id = ""
        self._facts = NO_FACTS

    def _take_header(self, name: bytes, value: bytes) -> None:
        read = _HEADERS.get(name)
        if read is not None:
            read(self, value)

    def _read_encoding(self, value: bytes) -> None:
        self._encoding = value.strip().lower()

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

    def _whole(self, body: bytes) -> HttpRequest:
        plain, refusal = self._decoded(body)
        self._newest = HttpRequest(
            method=self._parser.get_method().decode(),
            path=self._path,
            body=plain,
            received_bytes=self._received_bytes,
            request_id=self._request_id,
            keeps_alive=self._parser.should_keep_alive(),
            is_http_1_0=self._parser.get_http_version() == "1.0",
            started_s=time.perf_counter(),
            refusal=refusal,
            facts=self._facts,
        )
        return self._newest

    def _decoded(self, body: bytes) -> tuple[bytes, Refusal | None]:
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
        limit = self._limits.max_body_bytes
        unzip = zlib.decompressobj(_GZIP_BITS)
        try:
            plain = unzip.decompress(body, limit + 1)
        except zlib.error as error:
            return b"", Refusal(
                status=400, message=f"The body is no gzip: {error}.", closes=False
            )
        if len(plain) > limit:
            return b"", Refusal(status=413, message=self._body_limit(), closes=False)
        if not unzip.eof:
            return b"", Refusal(
                status=400, message="The gzip body ends too early.", closes=False
            )
        return plain, None

    def _refused(self, status: int, message: str) -> HttpRequest:
        return HttpRequest(
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


def _plain_text(value: bytes) -> str:
    """Returns a header's value; "" where it has other than printable ASCII."""
    text = value.decode("latin-1")
    return text if text.isascii() and text.isprintable() else ""


# What a header's value is read by; the others are skipped.
_HEADERS = {
    b"content-encoding": RequestReader._read_encoding,
    b"x-request-id": RequestReader._read_id,
    b"x-slipway-event-time": RequestReader._read_event_time,
    b"x-slipway-key": RequestReader._read_key,
    b"x-slipway-variant": RequestReader._read_variant,
}

"""Requests and answers as they pass through, and which headers pass with them."""

import zlib
from dataclasses import dataclass, field
from http import HTTPStatus

Headers = list[tuple[bytes, bytes]]
"""Names in lower case, in the order they came."""

_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
# RFC 9110, section 7.6.1, and what a sender of a whole body writes anew.
_OF_ONE_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"content-length",
        b"expect",
        b"host",
    )
)
_LARGE_BODY_BYTES = 64 << 10
_GZIP_BITS = 31  # zlib's way to ask for gzip's frame


@dataclass(kw_only=True, slots=True)
class ProxyRequest:
    """One request of a client, whole.

    Attributes:
        method: Such as b"POST".
        path: As sent, with the query.
        headers: As sent.
        body: Without transfer encoding; a content encoding stays.
        keeps_alive: Whether the client may send another.
        is_http_1_0: Whether it must be told that it may.
        started_s: perf_counter's time of its last byte.
        refusal: What the client gets instead of an answer; None: it is passed on.
    """

    method: bytes
    path: bytes
    headers: Headers
    body: bytes
    keeps_alive: bool
    is_http_1_0: bool
    started_s: float
    refusal: "ProxyAnswer | None" = None

    def header(self, name: bytes) -> bytes:
        """Returns the first value of a header; b"": there is none."""
        return find_header(self.headers, name)


@dataclass(kw_only=True, slots=True)
class ProxyAnswer:
    """One answer, whole.

    Attributes:
        status: HTTP's.
        headers: As the upstream sent them, or ours.
        body: Without transfer encoding; a content encoding stays.
    """

    status: int
    headers: Headers = field(default_factory=list)
    body: bytes = b""


def find_header(headers: Headers, name: bytes) -> bytes:
    """Returns the first value of a header; b"": there is none."""
    for found, value in headers:
        if found == name:
            return value
    return b""


def end_to_end(headers: Headers) -> Headers:
    """Returns the headers that are not of one connection only.

    Source: RFC 9110, section 7.6.1: also those that Connection names.
    """
    named = find_header(headers, b"connection").lower()
    if not named or named in (b"keep-alive", b"close"):
        return [pair for pair in headers if pair[0] not in _OF_ONE_HOP]
    dropped = _OF_ONE_HOP.union(
        token.strip()
        for name, value in headers
        if name == b"connection"
        for token in value.lower().split(b",")
    )
    return [pair for pair in headers if pair[0] not in dropped]


def request_parts(
    request: ProxyRequest, host: bytes, path: bytes, headers: Headers
) -> tuple[bytes, ...]:
    """Returns a request as it goes to an upstream, in one or two writes.

    Args:
        request: Gives method and body.
        host: The upstream's, with its port.
        path: There.
        headers: End-to-end ones.
    """
    lines = b"".join([b"%b: %b\r\n" % pair for pair in headers])
    head = b"%b %b HTTP/1.1\r\nhost: %b\r\ncontent-length: %d\r\n%b\r\n" % (
        request.method,
        path,
        host,
        len(request.body),
        lines,
    )
    return _joined(head, request.body)


def answer_parts(
    answer: ProxyAnswer, request: ProxyRequest, *, closes: bool
) -> tuple[bytes, ...]:
    """Returns an answer as it goes to the client, in one or two writes.

    Args:
        answer: Its headers are end-to-end ones.
        request: A HEAD gets no body.
        closes: Whether this is the connection's last answer.
    """
    lines = b"".join([b"%b: %b\r\n" % pair for pair in answer.headers])
    if closes:
        lines += b"connection: close\r\n"
    elif request.is_http_1_0:
        lines += b"connection: keep-alive\r\n"
    head = b"HTTP/1.1 %d %b\r\n%bcontent-length: %d\r\n\r\n" % (
        answer.status,
        _REASONS.get(answer.status, b"Unknown"),
        lines,
        len(answer.body),
    )
    return (head,) if request.method == b"HEAD" else _joined(head, answer.body)


def plain_body(headers: Headers, body: bytes, max_bytes: int) -> bytes:
    """Returns a body without its content encoding.

    Args:
        headers: The message's.
        body: As it came.
        max_bytes: A longer plain body is refused.

    Raises:
        ValueError: The encoding is neither gzip nor none, or the body is not of it.
    """
    encoding = find_header(headers, b"content-encoding").strip().lower()
    if encoding in (b"", b"identity"):
        return body
    if encoding not in (b"gzip", b"x-gzip"):
        raise ValueError(f"content-encoding is {encoding!r}; gzip or none can be read")
    unzip = zlib.decompressobj(_GZIP_BITS)
    try:
        plain = unzip.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise ValueError(f"the body is no gzip: {error}") from error
    if len(plain) > max_bytes or not unzip.eof:
        raise ValueError(f"the gzip body is cut, or longer than {max_bytes} bytes")
    return plain


def _joined(head: bytes, body: bytes) -> tuple[bytes, ...]:
    return (head, body) if len(body) > _LARGE_BODY_BYTES else (head + body,)

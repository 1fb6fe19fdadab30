"""The head of a connection's last request, so that the same one is not read again.

Most clients send the very same request line and headers every time, but for the body's
length:

    POST /v1/models/m:predict HTTP/1.1⏎Host: h⏎Content-Length: 812⏎⏎{"instances": …}
    |------------- before the length ---------------------------|   |-- after it --|

A request whose bytes are the same up to the digits of Content-Length and from there to
the empty line, and whose body is exactly so long, means what the last one meant: what
llhttp made of that one is taken over. Anything else is llhttp's to read.
"""

import re
import time
from collections.abc import Collection
from typing import Self

from serving.server.rest.http_message import HttpRequest

_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: ?([0-9]+)\r\n", re.IGNORECASE)
_MAX_HEAD_BYTES = 2048
MAX_DIGITS = 9
_TELLING = {b"content-encoding", b"expect"}
"""Headers after which a body is more than bytes."""


class KnownHead:
    """What a request of the same head means."""

    __slots__ = (
        "_after",
        "_before",
        "_facts",
        "_first",
        "_method",
        "_path",
        "_request_id",
    )

    def __init__(self, before: bytes, after: bytes, request: HttpRequest) -> None:
        """Takes the head's bytes around the digits, and what llhttp made of it."""
        self._before = before
        self._after = after
        self._first = len(before)
        self._method = request.method
        self._path = request.path
        self._request_id = request.request_id
        self._facts = request.facts

    @classmethod
    def of(
        cls, data: bytes, request: HttpRequest, header_names: Collection[bytes]
    ) -> Self | None:
        """Remembers a head.

        Args:
            data: In which the request was read, and at whose start it began.
            request: What llhttp made of it; after it another may come.
            header_names: Of the request, in lower case.

        Returns:
            None: the head is too long or asks for more than to read a body of
            Content-Length bytes, or the request is not all of the data.
        """
        end = data.find(_END, 0, _MAX_HEAD_BYTES) + len(_END)
        if end + request.received_bytes != len(data):
            return None
        if request.is_http_1_0 or not _TELLING.isdisjoint(header_names):
            return None
        lengths = list(_LENGTH.finditer(data, 0, end))
        if len(lengths) != 1 or data[:end].lower().count(b"content-length") != 1:
            return None
        first, last = lengths[0].span(1)
        return cls(data[:first], data[last:end], request)

    def request(self, data: bytes, max_body_bytes: int) -> HttpRequest | None:
        """Returns the request that is all of `data`; None: llhttp must read it.

        Args:
            data: What came, after a whole request.
            max_body_bytes: A longer body is not taken.
        """
        if not data.startswith(self._before):
            return None
        first, after = self._first, self._after
        last = data.find(b"\r", first, first + MAX_DIGITS + 1)
        if not data.startswith(after, last):
            return None
        body = data[last + len(after) :]
        size = len(body)
        if data[first:last] != b"%d" % size or not 0 < size <= max_body_bytes:
            return None
        return HttpRequest(
            method=self._method,
            path=self._path,
            body=body,
            received_bytes=size,
            request_id=self._request_id,
            keeps_alive=True,
            is_http_1_0=False,
            started_s=time.perf_counter(),
            facts=self._facts,
        )

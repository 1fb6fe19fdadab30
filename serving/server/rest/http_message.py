"""Requests and answers between the connection and what answers them."""

import functools
from dataclasses import dataclass
from http import HTTPStatus

from serving.prediction_log.logged_request import NO_FACTS, ClientFacts
from serving.server.core import Servable
from serving.server.ran_rows import RanRows

JSON = "application/json"
PLAIN = "text/plain; charset=utf-8"

_REASONS = {status.value: status.phrase for status in HTTPStatus} | {
    499: "Client Closed Request"
}
_STATUS_LINES = {
    status: f"HTTP/1.1 {status} {reason}\r\nContent-Type: "
    for status, reason in _REASONS.items()
}
_CORS = (
    "Access-Control-Allow-Origin: *\r\n"
    "Access-Control-Allow-Methods: POST, GET\r\n"
    "Access-Control-Allow-Headers: Content-Type\r\n"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """An answer that HTTP itself calls for.

    Attributes:
        status: HTTP's.
        message: For the client.
        closes: Whether the connection cannot go on, for where the next request starts
            is not known.
    """

    status: int
    message: str
    closes: bool = True


@dataclass(kw_only=True, slots=True)
class HttpRequest:
    """One request, whole; nobody changes it (frozen, it costs a microsecond more).

    Attributes:
        method: Such as "POST".
        path: As sent, with the query.
        body: Without transfer and content encoding.
        received_bytes: Of the body, as sent.
        request_id: The client's x-request-id; "": it sent none that can be used.
        keeps_alive: Whether the client may send another.
        is_http_1_0: Whether it must be told that it may.
        started_s: perf_counter's time of its last byte.
        refusal: Why it is not answered as asked; None: it is.
        facts: What the client said of its rows.
    """

    method: str
    path: bytes
    body: bytes
    received_bytes: int
    request_id: str
    keeps_alive: bool
    is_http_1_0: bool
    started_s: float
    refusal: Refusal | None = None
    facts: ClientFacts = NO_FACTS


@dataclass(kw_only=True, slots=True)
class Answer:
    """What a request gets.

    Attributes:
        status: HTTP's.
        body: May be empty.
        content_type: Of the body.
        code: "OK" or the name of gRPC's code.
        api: "predict", "classify", "regress", "status", "metadata"; "": none of them.
        model: Its name; "": none.
        servable: The version that answered, or would have; None: none was found.
        num_rows: Rows or examples of the request; 0 where it did not come to that.
        ran: The rows it ran with; None: no model answered it.
        first_row: Where its own begin among them.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = JSON
    code: str = "OK"
    api: str = ""
    model: str = ""
    servable: Servable | None = None
    num_rows: int = 0
    ran: RanRows | None = None
    first_row: int = 0


@dataclass(kw_only=True, slots=True)
class AnsweredRequest:
    """What observers are told; they keep nothing of it (frozen, it costs more).

    Attributes:
        request: As it came.
        request_id: The client's, or the one made for it.
        answer: As it went.
        remote: The client's address; "" where it has none.
        took_s: From the request's last byte to the answer.
    """

    request: HttpRequest
    request_id: str
    answer: Answer
    remote: str
    took_s: float


def answer_bytes(
    answer: Answer,
    request: HttpRequest,
    *,
    request_id: str,
    date: str,
    closes: bool,
    has_cors: bool = False,
) -> bytes:
    r"""Returns an answer as it goes over the wire.

    Args:
        answer: With a status that HTTP knows, or 499.
        request: A HEAD gets no body.
        request_id: Sent back as x-request-id.
        date: The Date header, with its "\r\n".
        closes: Whether this is the connection's last answer.
        has_cors: Whether any web page may read it.
    """
    servable = answer.servable
    origin = (
        "" if servable is None else _origin(servable.version, servable.bundle_digest)
    )
    head = (
        f"{_STATUS_LINES[answer.status]}{answer.content_type}\r\n"
        f"Content-Length: {len(answer.body)}\r\n{date}"
        f"x-request-id: {request_id}\r\n{origin}"
    )
    if has_cors:
        head += _CORS
    if closes:
        head += "Connection: close\r\n"
    elif request.is_http_1_0:
        head += "Connection: keep-alive\r\n"
    encoded = f"{head}\r\n".encode("latin-1")
    return encoded if request.method == "HEAD" else encoded + answer.body


@functools.lru_cache(maxsize=256)
def _origin(version: int, bundle_digest: str | None) -> str:
    line = f"x-slipway-model-version: {version}\r\n"
    if bundle_digest is None:
        return line
    return f"{line}x-slipway-bundle-digest: {bundle_digest}\r\n"

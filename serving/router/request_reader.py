"""Makes whole requests of a client's bytes, to be passed on.

What was read goes on with a Content-Length of its own, so both sides of the router
agree where a request ends, whatever the client sent (request smuggling).

Source: RFC 9112, section 11.2.
"""

import time

from serving.http1.message_reader import MessageReader
from serving.router.http_message import ProxyAnswer, ProxyRequest
from serving.server.rest.model_json import error_body

_JSON = (b"content-type", b"application/json")


class ProxyRequestReader(MessageReader[ProxyRequest]):
    """Reads the requests of one connection."""

    role = "router"

    def _whole(self, body: bytes) -> ProxyRequest:
        request = ProxyRequest(
            method=self._parser.get_method(),
            path=self._path,
            headers=self._headers,
            body=body,
            keeps_alive=self._parser.should_keep_alive(),
            is_http_1_0=self._parser.get_http_version() == "1.0",
            started_s=time.perf_counter(),
        )
        if not request.path.startswith(b"/"):
            shown = request.path.decode("latin-1")
            request.refusal = json_answer(400, f"The path is {shown}; expected /….")
        return request

    def _refused(self, status: int, message: str) -> ProxyRequest:
        return ProxyRequest(
            method=b"",
            path=self._path,
            headers=[],
            body=b"",
            keeps_alive=False,
            is_http_1_0=False,
            started_s=time.perf_counter(),
            refusal=json_answer(status, message),
        )


def json_answer(status: int, message: str) -> ProxyAnswer:
    """Returns an answer of the router's own, as TF Serving words errors."""
    return ProxyAnswer(status=status, headers=[_JSON], body=error_body(message))

"""The router's own paths, none of which is TF Serving's; all others pass through.

GET /metrics          Prometheus' text
GET /slipway/health   200: the process lives
GET /slipway/ready    200: send requests; 503: the stable arm does not answer, or
                      the router is stopping
GET /slipway/routing  the state in force, JSON
"""

import dataclasses
import json
from collections.abc import Callable, Mapping

from serving.router.http_message import ProxyAnswer, ProxyRequest
from serving.router.metrics_page import METRICS_TYPE, RouterFacts, metrics_page
from serving.router.request_reader import json_answer

_TEXT = b"text/plain; charset=utf-8"


class RouterPages:
    """Answers requests for the router itself."""

    def __init__(
        self, facts: Callable[[], RouterFacts], is_ready: Callable[[], bool]
    ) -> None:
        """Takes what is shown.

        Args:
            facts: Returns those of now.
            is_ready: Whether requests should be sent.
        """
        self._facts = facts
        self._is_ready = is_ready
        self._pages: Mapping[bytes, Callable[[], ProxyAnswer]] = {
            b"/metrics": self._metrics,
            b"/slipway/health": lambda: _text(200, b"ok\n"),
            b"/slipway/ready": self._ready,
            b"/slipway/routing": self._routing,
        }

    def answer(self, request: ProxyRequest) -> ProxyAnswer | None:
        """Returns the answer; None: the path is not the router's."""
        page = self._pages.get(request.path.partition(b"?")[0])
        if page is None:
            return None
        if request.method not in (b"GET", b"HEAD"):
            shown = request.path.decode("latin-1")
            return json_answer(405, f"{shown} takes GET only.")
        return page()

    def _metrics(self) -> ProxyAnswer:
        return ProxyAnswer(
            status=200,
            headers=[(b"content-type", METRICS_TYPE)],
            body=metrics_page(self._facts()),
        )

    def _ready(self) -> ProxyAnswer:
        if self._is_ready():
            return _text(200, b"ready\n")
        return _text(503, b"not ready\n")

    def _routing(self) -> ProxyAnswer:
        facts = self._facts()
        shown = dataclasses.asdict(facts.routing) | {"is_stale": facts.is_stale}
        return ProxyAnswer(
            status=200,
            headers=[(b"content-type", b"application/json")],
            body=json.dumps(shown).encode(),
        )


def _text(status: int, body: bytes) -> ProxyAnswer:
    return ProxyAnswer(status=status, headers=[(b"content-type", _TEXT)], body=body)

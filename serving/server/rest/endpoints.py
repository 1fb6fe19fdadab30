"""Every path of the server, and what becomes of what goes wrong.

    /v1/…        models                    as TF Serving
    /healthz     200: the process lives
    /readyz      200: send requests; 503: do not
    the metrics' path, where it is turned on

Any other path is 404.
Source: tensorflow_serving/model_servers/http_server.cc.
"""

import logging

from serving.server.core import Backend
from serving.server.rest.audience import Audience
from serving.server.rest.http_message import PLAIN, Answer, HttpRequest
from serving.server.rest.model_api import ModelApi
from serving.server.rest.model_json import error_body
from serving.server.rest.options import RestOptions
from serving.server.rest.predict_turn import PredictTurn
from serving.server.rest.routes import find_route
from serving.server.status import Code, ServingError

_LOG = logging.getLogger(__name__)
_HEALTH, _READINESS = b"/healthz", b"/readyz"
_PAGE_METHODS = ("GET", "HEAD")
_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Endpoints:
    """Answers requests; raises nothing but CancelledError.

    Attributes:
        audience: Is to be told of every answer.
        turn: Answers plain predict requests together.
    """

    def __init__(self, backend: Backend, options: RestOptions) -> None:
        """Takes the models and the server's options."""
        self._api = ModelApi(backend, options)
        self.audience = Audience(options.observers)
        self.turn = PredictTurn(backend, options, self._api.plan, self.audience)
        self._options = options
        self._metrics_path = (options.metrics_path or "").encode()

    async def answer(self, request: HttpRequest, answer: Answer) -> None:
        """Answers one request.

        Args:
            request: As it came.
            answer: A new one; what is known of the request when it is cancelled is
                in it.
        """
        try:
            if request.refusal is not None:
                raise _RefusedError(request.refusal.status, request.refusal.message)
            if request.path[:4].lower() == b"/v1/":
                await self._answer_model(request, answer)
            else:
                self._answer_page(request, answer)
        except _RefusedError as error:
            _set_error(answer, error.status, "", error.message)
        except ServingError as error:
            _set_error(answer, error.http_status, error.code.name, error.message)
        except RecursionError:
            words = "The request is nested too deeply."
            _set_error(answer, 400, Code.INVALID_ARGUMENT.name, words)
        except Exception as error:  # noqa: BLE001 - one request is not the server
            _LOG.exception("%s failed", answer.api or "a request")
            words = f"{type(error).__name__}: {error}"
            _set_error(answer, 500, Code.INTERNAL.name, words)

    async def _answer_model(self, request: HttpRequest, answer: Answer) -> None:
        if request.method == "OPTIONS" and self._options.has_cors:
            return
        route = find_route(request.method, request.path)
        await self._api.answer(route, request.body, answer)

    def _answer_page(self, request: HttpRequest, answer: Answer) -> None:
        path = request.path.partition(b"?")[0]
        if path == self._metrics_path and self._options.metrics_page is not None:
            _check_page_method(request)
            answer.content_type = _METRICS_TYPE
            answer.body = self._options.metrics_page()
        elif path == _HEALTH:
            _check_page_method(request)
            _set_page(answer, 200, b"ok\n")
        elif path == _READINESS:
            _check_page_method(request)
            if self._options.is_ready():
                _set_page(answer, 200, b"ready\n")
            else:
                _set_page(answer, 503, b"not ready\n")
        else:
            raise _RefusedError(404, f"Not found: {request.method} {_shown(path)}")


class _RefusedError(Exception):
    """An answer that has a status of HTTP's only."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def _check_page_method(request: HttpRequest) -> None:
    if request.method not in _PAGE_METHODS:
        raise _RefusedError(
            405, f"{_shown(request.path)} does not take {request.method}; send GET."
        )


def _set_page(answer: Answer, status: int, body: bytes) -> None:
    answer.status, answer.body, answer.content_type = status, body, PLAIN


def _set_error(answer: Answer, status: int, code: str, message: str) -> None:
    answer.status, answer.body = status, error_body(message)
    answer.code = code or f"HTTP_{status}"


def _shown(path: bytes) -> str:
    return path.decode(errors="replace")

"""What a REST server is told when it is built."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from serving.http1.limits import ConnectionLimits
from serving.server.core import Servable
from serving.server.rest.http_message import AnsweredRequest

Observer = Callable[[Sequence[AnsweredRequest]], None]
"""Is told of requests that were answered at once, at least one; must not wait or raise,
and keeps nothing of them."""


def _always() -> bool:
    return True


def _no_null(servable: Servable, signature: str) -> Collection[str]:
    del servable, signature
    return ()


@dataclass(frozen=True, kw_only=True, slots=True)
class RestOptions(ConnectionLimits):
    """How a RestServer behaves; every default suits a server behind a load balancer.

    Attributes:
        timeout_s: From the whole request to its answer; then 504. TF Serving's
            --rest_api_timeout_in_ms.
        max_body_bytes: Of a body as sent, and again after gzip; more: 413.
        max_instances: Rows or examples of one request; more: 400.
        metrics_path: Where metrics_page is shown; None: nowhere.
        checks_methods: Whether a signature's method_name must be the call's; TF
            Serving's --enable_signature_method_name_check.
        has_cors: TF Serving's --rest_api_enable_cors_support.
        shares_port: Whether other processes listen at the same port (SO_REUSEPORT).
        metrics_page: Prometheus' text.
        is_ready: Whether /readyz says 200.
        nullable_inputs: Of a version's signature, the inputs whose null means
            missing: NaN, or "" for text. bundle contracts: the raw features.
        observers: Are told of every answered request.
    """

    timeout_s: float = 30.0
    max_instances: int = 100_000
    metrics_path: str | None = None
    checks_methods: bool = False
    has_cors: bool = False
    shares_port: bool = False
    metrics_page: Callable[[], bytes] | None = None
    is_ready: Callable[[], bool] = _always
    nullable_inputs: Callable[[Servable, str], Collection[str]] = _no_null
    observers: tuple[Observer, ...] = ()

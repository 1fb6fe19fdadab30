"""What the REST server is told of the flags, the models and the metrics."""

from collections.abc import Callable, Collection, Sequence

from serving.server.core import Servable
from serving.server.flags import ServerFlags
from serving.server.metrics import COUNTED_APIS, ServerMetrics
from serving.server.rest.http_message import AnsweredRequest
from serving.server.rest.options import Observer, RestOptions
from serving.server.saved_model import SavedModelServable

_APIS = {api.lower(): api for api in COUNTED_APIS}


def rest_options(
    flags: ServerFlags,
    metrics_path: str | None,
    metrics_page: Callable[[], bytes],
    is_ready: Callable[[], bool],
    observers: tuple[Observer, ...],
) -> RestOptions:
    """Returns the options of a RestServer.

    Args:
        flags: The command line's.
        metrics_path: Where metrics_page is shown; None: nowhere.
        metrics_page: Prometheus' text.
        is_ready: Whether every model serves.
        observers: Hear of every answer.
    """
    return RestOptions(
        timeout_s=flags.rest_api_timeout_in_ms / 1000,
        metrics_path=metrics_path,
        metrics_page=metrics_page,
        checks_methods=flags.enable_signature_method_name_check,
        has_cors=flags.rest_api_enable_cors_support,
        shares_port=bool(flags.supervisor_pid),
        is_ready=is_ready,
        nullable_inputs=_nullable_inputs,
        observers=observers,
    )


def observer_of(metrics: ServerMetrics) -> Observer:
    """Returns what counts answered REST requests."""

    def observe(answered: Sequence[AnsweredRequest]) -> None:
        times_s: dict[tuple[str, str, str], list[float]] = {}
        for one in answered:
            answer = one.answer
            api = _APIS.get(answer.api)
            # A model that is not there gets no row: its name is the client's choice.
            if api is None or answer.servable is None:
                continue
            alike = times_s.setdefault((answer.model, api, answer.code), [])
            alike.append(one.took_s)
            if api != "Predict" and answer.num_rows:
                metrics.on_examples(answer.model, answer.num_rows)
        for (model, api, code), alike in times_s.items():
            metrics.on_requests(model, api, "REST", code, alike)

    return observe


def _nullable_inputs(servable: Servable, signature: str) -> Collection[str]:
    if isinstance(servable, SavedModelServable):
        return servable.nullable_inputs(signature)
    return ()

"""What every RPC has in common: errors as codes, counts, observers, trailing metadata.

x-slipway-model-version   the version that answered
x-slipway-bundle-digest   its bundle's identity, where it has one
x-request-id              the client's own, or one made here
"""

import asyncio
import functools
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc

from serving.prediction_log.logged_request import NO_FACTS, ClientFacts
from serving.server.core import ModelSpec, Servable
from serving.server.grpc_wire import WireRow
from serving.server.metrics import COUNTED_APIS, ServerMetrics
from serving.server.ran_rows import RanRows
from serving.server.request_ids import RequestIds
from serving.server.status import Code, ServingError
from serving.server.unreadable_requests import UnreadableRequest

_LOG = logging.getLogger(__name__)
_REQUEST_ID = "x-request-id"
_MAX_ID_LENGTH = 200
_FACTS = {
    "x-slipway-event-time": "event_time",
    "x-slipway-key": "key",
    "x-slipway-variant": "variant",
}
_IDS = RequestIds()
_CODES = {code.value[0]: code for code in grpc.StatusCode}

Metadata = tuple[tuple[str, str], ...]
Method = Callable[[Any, Any, "RpcCall"], Awaitable[Any]]
Handler = Callable[[Any, Any, Any], Awaitable[Any]]


@dataclass(kw_only=True, slots=True)
class RpcCall:
    """One call; what is known of it is filled in, as far as it goes.

    Attributes:
        service: Such as "tensorflow.serving.PredictionService".
        method: Such as "Predict".
        request_id: The client's, or one made here.
        peer: Gives the client's address as gRPC writes it, such as
            "ipv4:10.0.0.7:50123"; to be asked while the call is observed, not later.
        model: The name that was asked for; "": none.
        servable: The version that answered, or would have; None: none was found.
        num_rows: Rows or examples of the request; 0 where it did not come to that.
        code: "OK" or the name of gRPC's code.
        took_s: From the whole request to its answer.
        facts: What the client said of its rows, where somebody observes.
        ran: What it ran; None: no model answered it.
    """

    service: str
    method: str
    request_id: str
    peer: Callable[[], str]
    model: str
    servable: Servable | None = None
    num_rows: int = 0
    code: str = "OK"
    took_s: float = 0.0
    facts: ClientFacts = NO_FACTS
    ran: RanRows | None = None


Observer = Callable[[RpcCall], None]


def rpc(name: str) -> Callable[[Method], Handler]:
    """Makes a servicer's method of one that takes request and call and answers.

    The servicer has `service`, its full name; `metrics`; and `observers`, which are
    called with every answered call and must not wait or raise.

    Args:
        name: Of the RPC, such as "Predict".
    """

    def decorate(method: Method) -> Handler:
        @functools.wraps(method)
        async def handle(self: Any, request: Any, context: Any) -> Any:
            started = time.perf_counter()
            # gRPC makes it anew each time it is asked.
            received = context.invocation_metadata() or ()
            call = RpcCall(
                service=self.service,
                method=name,
                request_id=_request_id(received),
                peer=context.peer,
                model=_model_of(request),
                facts=_facts(received) if self.observers else NO_FACTS,
            )
            metadata = ((_REQUEST_ID, call.request_id),)
            try:
                if isinstance(request, UnreadableRequest):
                    raise ServingError(
                        Code.INTERNAL,
                        f"the request is no message of {name}: {request.reason}",
                    )
                response = await method(self, request, call)
            except ServingError as error:
                call.code = error.code.name
                await context.abort(_CODES[int(error.code)], error.message, metadata)
            except asyncio.CancelledError:
                call.code = _why_cancelled(context)
                raise
            except Exception as error:  # noqa: BLE001 - one request is not the server
                _LOG.exception("%s failed", name)
                call.code = Code.INTERNAL.name
                await context.abort(
                    grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {error}"
                )
            finally:
                call.took_s = time.perf_counter() - started
                _count(self.metrics, call)
                for observer in self.observers:
                    observer(call)
            context.set_trailing_metadata(metadata + _origin(call.servable))
            return response

        return handle

    return decorate


def spec_of(message: Any) -> ModelSpec:
    """Reads a ModelSpec message.

    Raises:
        ServingError: INVALID_ARGUMENT: it names no model.
    """
    if not message.name:
        raise ServingError(Code.INVALID_ARGUMENT, "ModelSpec has no name specified.")
    kind = message.WhichOneof("version_choice")
    return ModelSpec(
        name=message.name,
        version=message.version.value if kind == "version" else None,
        label=message.version_label if kind == "version_label" else None,
    )


def fill_spec(message: Any, servable: Servable, signature: str) -> None:
    """Writes which model, version and signature answered."""
    message.name = servable.name
    message.version.value = servable.version
    message.signature_name = signature


def _model_of(request: Any) -> str:
    if isinstance(request, WireRow):
        request = request.layout.request
    if hasattr(request, "model_spec"):
        return str(request.model_spec.name)
    tasks = getattr(request, "tasks", ())
    return tasks[0].model_spec.name if tasks else ""


def _request_id(metadata: Sequence[tuple[str, Any]]) -> str:
    for key, value in metadata:
        if key == _REQUEST_ID and isinstance(value, str) and value.isprintable():
            return value[:_MAX_ID_LENGTH]
    return _IDS.next()


def _facts(metadata: Sequence[tuple[str, Any]]) -> ClientFacts:
    found = {
        _FACTS[key]: value
        for key, value in metadata
        if key in _FACTS and value.isprintable()
    }
    return ClientFacts(**found) if found else NO_FACTS


def _why_cancelled(context: Any) -> str:
    left_s = context.time_remaining()
    is_late = left_s is not None and left_s <= 0
    return (Code.DEADLINE_EXCEEDED if is_late else Code.CANCELLED).name


def _origin(servable: Servable | None) -> Metadata:
    if servable is None:
        return ()
    version = ("x-slipway-model-version", str(servable.version))
    if servable.bundle_digest is None:
        return (version,)
    return (version, ("x-slipway-bundle-digest", servable.bundle_digest))


def _count(metrics: ServerMetrics, call: RpcCall) -> None:
    # A model that is not there gets no row: its name is the client's choice.
    is_counted = call.method in COUNTED_APIS and call.code != Code.NOT_FOUND.name
    if is_counted and call.model:
        metrics.on_request(call.model, call.method, "GRPC", call.code, call.took_s)

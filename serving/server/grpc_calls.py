"""What every RPC has in common: errors as status codes, counts, trailing metadata.

x-slipway-model-version   the version that answered
x-slipway-bundle-digest   its bundle's identity, where it has one
x-request-id              the client's own, or one made here
"""

import asyncio
import functools
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from serving.server.core import ModelSpec, Servable
from serving.server.metrics import COUNTED_APIS, ServerMetrics
from serving.server.status import Code, ServingError

_LOG = logging.getLogger(__name__)
_REQUEST_ID = "x-request-id"
_MAX_ID_LENGTH = 200
_CODES = {code.value[0]: code for code in grpc.StatusCode}

Metadata = tuple[tuple[str, str], ...]
# A servicer's method: what it answers, and the version that did, if one did.
Answer = tuple[Any, Servable | None]
Method = Callable[[Any, Any], Awaitable[Answer]]
Handler = Callable[[Any, Any, Any], Awaitable[Any]]


def rpc(api: str) -> Callable[[Method], Handler]:
    """Makes a servicer's method of one that takes a request and answers or raises.

    Args:
        api: Its name, such as "Predict".
    """

    def decorate(method: Method) -> Handler:
        @functools.wraps(method)
        async def handle(self: Any, request: Any, context: Any) -> Any:
            started = time.perf_counter()
            metadata = _request_id(context)
            status = "CANCELLED"
            try:
                response, servable = await method(self, request)
                status = "OK"
            except ServingError as error:
                status = error.code.name
                await context.abort(_CODES[int(error.code)], error.message, metadata)
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - one request is not the server
                _LOG.exception("%s failed", api)
                status = Code.INTERNAL.name
                await context.abort(
                    grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {error}"
                )
            finally:
                took_s = time.perf_counter() - started
                _count(self.metrics, api, request, status, took_s)
            context.set_trailing_metadata(metadata + _origin(servable))
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


def _request_id(context: Any) -> Metadata:
    for key, value in context.invocation_metadata() or ():
        if key == _REQUEST_ID and isinstance(value, str) and value.isprintable():
            return ((_REQUEST_ID, value[:_MAX_ID_LENGTH]),)
    return ((_REQUEST_ID, uuid.uuid4().hex),)


def _origin(servable: Servable | None) -> Metadata:
    if servable is None:
        return ()
    version = ("x-slipway-model-version", str(servable.version))
    if servable.bundle_digest is None:
        return (version,)
    return (version, ("x-slipway-bundle-digest", servable.bundle_digest))


def _count(
    metrics: ServerMetrics, api: str, request: Any, status: str, took_s: float
) -> None:
    # A model that is not there gets no row: its name is the client's choice.
    if api not in COUNTED_APIS or status == Code.NOT_FOUND.name:
        return
    tasks = request.tasks if api == "MultiInference" else (request,)
    if tasks and tasks[0].model_spec.name:
        metrics.on_request(tasks[0].model_spec.name, api, "GRPC", status, took_s)

"""The gRPC server: ports, TLS, services, health and reflection."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from tensorflow_serving.apis import (
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)

from serving.server.core import Backend
from serving.server.grpc_calls import Observer
from serving.server.grpc_services import ModelService, PredictionService
from serving.server.grpc_wire import PredictReader
from serving.server.metrics import ServerMetrics
from serving.server.service_descriptors import register_services
from serving.server.status import Code, ServingError
from serving.server.unreadable_requests import ForgivingServer

_LOG = logging.getLogger(__name__)
_SERVICES = (PredictionService.service, ModelService.service)
_PREDICT = f"/{PredictionService.service}/Predict"


@dataclass(frozen=True, kw_only=True, slots=True)
class GrpcOptions:
    """How gRPC is offered.

    Attributes:
        address: Of the network interface, such as "127.0.0.1".
        port: 0: none.
        socket_path: A UNIX socket to listen at as well; "": none.
        credentials: grpc.ServerCredentials; None: no TLS.
        as_content: Whether answers hold numbers as tensor_content.
        checks_methods: Whether a signature's method_name must be the call's.
        has_health: Whether grpc.health.v1 is offered.
        has_reflection: Whether clients may ask for the services.
        shares_port: Whether other processes may listen at the same port.
        channel_arguments: Options of gRPC's own.
        observers: Called with every answered call of both services; they must not wait
            or raise. Health checks and reflection are not told.
    """

    address: str
    port: int
    socket_path: str = ""
    credentials: Any = None
    as_content: bool = False
    checks_methods: bool = False
    has_health: bool = False
    has_reflection: bool = False
    shares_port: bool = False
    channel_arguments: tuple[tuple[str, Any], ...] = ()
    observers: tuple[Observer, ...] = ()


class GrpcServer:
    """A grpc.aio server over a Backend."""

    def __init__(
        self, backend: Backend, metrics: ServerMetrics, options: GrpcOptions
    ) -> None:
        """Builds the server; nothing listens yet."""
        self._options = options
        self._server = grpc.aio.server(
            options=[
                # TF Serving takes messages of any size too.
                ("grpc.max_receive_message_length", -1),
                ("grpc.max_send_message_length", -1),
                ("grpc.so_reuseport", int(options.shares_port)),
                *options.channel_arguments,
            ]
        )
        forgiving = ForgivingServer(self._server, {_PREDICT: PredictReader()})
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            PredictionService(
                backend,
                metrics,
                as_content=options.as_content,
                checks_methods=options.checks_methods,
                observers=options.observers,
            ),
            forgiving,
        )
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(
            ModelService(backend, metrics, options.observers), forgiving
        )
        self._health = self._offer_health() if options.has_health else None
        if options.has_reflection:
            self._offer_reflection()

    async def start(self) -> None:
        """Listens.

        Raises:
            ServingError: UNAVAILABLE: the port or socket is taken.
        """
        options = self._options
        places = [f"{options.address}:{options.port}"] if options.port else []
        if options.socket_path:
            Path(options.socket_path).unlink(missing_ok=True)
            places.append(f"unix:{options.socket_path}")
        for place in places:
            self._listen(place)
        await self._server.start()
        for place in places:
            _LOG.info("Running gRPC ModelServer at %s ...", place)

    async def stop(self, grace_s: float) -> None:
        """Takes no more requests; answers those that run, for at most this long."""
        if self._health is not None:
            await self._health.enter_graceful_shutdown()
        await self._server.stop(grace_s)

    def _listen(self, place: str) -> None:
        credentials = self._options.credentials
        try:
            if credentials is None:
                self._server.add_insecure_port(place)
            else:
                self._server.add_secure_port(place, credentials)
        except RuntimeError as error:
            raise ServingError(
                Code.UNAVAILABLE, f"gRPC cannot listen at {place}: {error}"
            ) from error

    def _offer_health(self) -> Any:
        from grpc_health.v1 import health, health_pb2, health_pb2_grpc

        servicer = health.aio.HealthServicer()
        # Its set() needs a loop, which does not run yet.
        for name in ("", *_SERVICES):
            servicer._server_status[name] = health_pb2.HealthCheckResponse.SERVING
        health_pb2_grpc.add_HealthServicer_to_server(servicer, self._server)
        return servicer

    def _offer_reflection(self) -> None:
        from grpc_health.v1 import health
        from grpc_reflection.v1alpha import reflection

        register_services()
        names = [*_SERVICES, reflection.SERVICE_NAME]
        if self._health is not None:
            names.append(health.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server)

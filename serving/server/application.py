"""One server process: manager, gRPC and REST around the same models."""

import asyncio
import logging
import os
import signal
from typing import Any

from serving.server.access_log import AccessLog
from serving.server.config_poller import ConfigPoller
from serving.server.configuration import Configuration, read_configuration
from serving.server.flags import ServerFlags
from serving.server.grpc_calls import Observer
from serving.server.grpc_server import GrpcOptions, GrpcServer
from serving.server.metrics import ServerMetrics
from serving.server.metrics_file import MetricsFile
from serving.server.model_manager import ManagerOptions, ModelManager
from serving.server.prediction_logging import PredictionLogging
from serving.server.rest.server import RestServer
from serving.server.rest_options import observer_of, rest_options
from serving.server.saved_model import Runtime
from serving.server.status import Code, ServingError
from serving.server.version_loading import VersionLoader
from serving.server.worker_pool import WorkerPool

_LOG = logging.getLogger(__name__)
_PARENT_LOOK_S = 1.0
_DEFAULT_LOAD_THREADS = 2


class Application:
    """A server as its flags describe it.

    Attributes:
        manager: Its models.
        metrics: What it counted.
        grpc: None: it offers no gRPC.
        rest: None: it offers no REST.
    """

    def __init__(
        self, flags: ServerFlags, configuration: Configuration | None = None
    ) -> None:
        """Prepares everything; nothing is loaded and nothing listens yet.

        Args:
            flags: The command line.
            configuration: What its files say; None: they are read here.

        Raises:
            ServingError: INVALID_ARGUMENT: a file cannot be used.
        """
        configuration = configuration or read_configuration(flags)
        self._flags = flags
        self._models = configuration.models
        self._metrics_path = configuration.metrics_path
        self._credentials = configuration.credentials
        self.metrics = ServerMetrics()
        self._metrics_file = self._shared_metrics()
        self._writing: asyncio.Future[None] | None = None
        file = configuration.access_log
        self._access_log = AccessLog(file) if file else None
        logs = configuration.prediction_log
        self._prediction_log = PredictionLogging(logs, self.metrics) if logs else None
        batching = configuration.batching
        loader = VersionLoader(
            runtime=Runtime(
                pool=WorkerPool(batching.num_batch_threads),
                batching=batching,
                metrics=self.metrics,
                batches_unproven=bool(flags.enable_batching),
            ),
            is_verified=flags.verify_bundle,
            is_warmed_up=flags.enable_model_warmup,
            num_warmup_iterations=max(1, flags.num_request_iterations_for_warmup),
            allow_other_tensorflow=flags.allow_other_tensorflow,
            tags=tuple(flags.saved_model_tags.split(",")),
        )
        self.manager = ModelManager(
            loader.load,
            ManagerOptions(
                poll_wait_s=flags.file_system_poll_wait_seconds,
                max_num_load_retries=flags.max_num_load_retries,
                load_retry_interval_s=max(0, flags.load_retry_interval_micros) / 1e6,
                num_load_threads=flags.num_load_threads or _DEFAULT_LOAD_THREADS,
                labels_unavailable=flags.allow_version_labels_for_unavailable_models,
            ),
        )
        self.grpc: GrpcServer | None = None
        self.rest: RestServer | None = None
        self._poller: ConfigPoller | None = None

    async def run(self) -> None:
        """Serves until SIGTERM or SIGINT, then answers what runs and ends.

        Raises:
            ServingError: A port is taken, or a label of the configuration is refused.
        """
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        stopping = asyncio.ensure_future(stop.wait())
        starting = asyncio.ensure_future(self.start())
        await asyncio.wait((stopping, starting), return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            _LOG.info("Told to stop while models were loading.")
            starting.cancel()
            # Else the thread that waits for them keeps the loop from ending.
            self.manager.stop()
            return
        starting.result()
        following = asyncio.ensure_future(self._follow_parent(stop))
        await stopping
        following.cancel()
        _LOG.info("Told to stop: answering the requests that run.")
        await self.stop()
        _LOG.info("Stopped.")

    async def start(self) -> None:
        """Loads the models, then listens."""
        await asyncio.to_thread(self.manager.start, self._models)
        config_file = self._flags.path("model_config_file")
        wait_s = self._flags.model_config_file_poll_wait_seconds
        if config_file is not None and wait_s > 0:
            self._poller = ConfigPoller(self.manager, config_file, wait_s)
            self._poller.start()
        if self._metrics_file is not None:
            self._writing = asyncio.ensure_future(self._metrics_file.keep_writing())
        if self._flags.port or self._flags.grpc_socket_path:
            self.grpc = GrpcServer(self.manager, self.metrics, self._grpc_options())
            await self.grpc.start()
        if self._flags.rest_api_port:
            self.rest = self._rest_server()
            await self._start_rest(self.rest)
        _LOG.info("Serving.")

    async def stop(self) -> None:
        """Takes no more requests and answers those that run."""
        grace_s = self._flags.drain_seconds
        if self._poller is not None:
            self._poller.stop()
        parts = [part for part in (self.grpc, self.rest) if part is not None]
        await asyncio.gather(*(part.stop(grace_s) for part in parts))
        self.manager.stop()
        if self._access_log is not None:
            await asyncio.to_thread(self._access_log.close)
        if self._prediction_log is not None:
            await asyncio.to_thread(self._prediction_log.close)
        if self._metrics_file is not None and self._writing is not None:
            self._writing.cancel()
            self._metrics_file.write()

    async def _follow_parent(self, stop: asyncio.Event) -> None:
        """Stops when the process that started the workers is gone."""
        while self._flags.supervisor_pid:
            await asyncio.sleep(_PARENT_LOOK_S)
            if os.getppid() != self._flags.supervisor_pid:
                stop.set()
                return

    def _grpc_options(self) -> GrpcOptions:
        flags = self._flags
        return GrpcOptions(
            address=flags.bind_address,
            port=flags.port,
            socket_path=flags.grpc_socket_path,
            credentials=self._credentials,
            as_content=flags.enable_serialization_as_tensor_content,
            checks_methods=flags.enable_signature_method_name_check,
            has_health=flags.enable_grpc_healthcheck_service,
            has_reflection=flags.enable_grpc_reflection,
            shares_port=bool(flags.supervisor_pid),
            channel_arguments=_channel_arguments(flags.grpc_channel_arguments),
            observers=self._grpc_observers(),
        )

    def _grpc_observers(self) -> tuple[Observer, ...]:
        observers: list[Observer] = []
        if self._access_log is not None:
            observers.append(self._access_log.on_call)
        if self._prediction_log is not None:
            observers.append(self._prediction_log.on_call)
        return tuple(observers)

    def _rest_server(self) -> RestServer:
        observers = [observer_of(self.metrics)]
        if self._access_log is not None:
            observers.append(self._access_log.on_requests)
        if self._prediction_log is not None:
            observers.append(self._prediction_log.on_requests)
        options = rest_options(
            self._flags,
            self._metrics_path,
            self._metrics_page,
            lambda: self.manager.is_ready,
            tuple(observers),
        )
        return RestServer(self.manager, options)

    def _shared_metrics(self) -> MetricsFile | None:
        path = self._flags.path("metrics_file")
        if path is None or self._metrics_path is None:
            return None
        return MetricsFile(path, self.metrics)

    def _metrics_page(self) -> bytes:
        if self._metrics_file is not None:
            return self._metrics_file.page()
        return self.metrics.exposition().encode()

    async def _start_rest(self, rest: RestServer) -> None:
        flags = self._flags
        try:
            await rest.start(flags.bind_address, flags.rest_api_port)
        except OSError as error:
            raise ServingError(
                Code.UNAVAILABLE,
                f"REST cannot listen at {flags.bind_address}:{flags.rest_api_port}: "
                f"{error.strerror or error}",
            ) from error
        _LOG.info(
            "Exporting HTTP/REST API at: %s:%d ...",
            flags.bind_address,
            flags.rest_api_port,
        )


def _channel_arguments(text: str) -> tuple[tuple[str, Any], ...]:
    """Reads a=1,b=2; a value that is no whole number stays text, as TF Serving's."""
    pairs = [part.partition("=") for part in text.split(",") if part]
    return tuple(
        (key, int(value) if value.lstrip("-").isdecimal() else value)
        for key, _, value in pairs
    )

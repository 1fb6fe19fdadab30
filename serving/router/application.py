"""One router process: REST and gRPC in front of the arms, counts and log behind."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable

import grpc

from serving.prediction_log.log_writer import PredictionLogWriter
from serving.router.arm_links import ArmLinks
from serving.router.arm_probe import ArmProbe
from serving.router.client_connection import RouterConnection
from serving.router.client_pool import ClientPool
from serving.router.counts_file import CountsFile
from serving.router.errors import RouterError
from serving.router.grpc_passage import GrpcPassage
from serving.router.http_message import ProxyAnswer, ProxyRequest
from serving.router.live_routing import LiveRouting
from serving.router.metrics_page import RouterFacts
from serving.router.prediction_recorder import PredictionRecorder
from serving.router.rest_passage import RestPassage
from serving.router.router_core import RouterCore
from serving.router.router_flags import RouterFlags
from serving.router.router_pages import RouterPages
from serving.router.routing import Routing, single_arm
from serving.router.served_models import ServedModels
from serving.router.shadow_queue import ShadowQueue

_LOG = logging.getLogger(__name__)
_BACKLOG = 1024
_SAVE_S = 1.0


class RouterApplication:
    """A router as its flags describe it.

    Attributes:
        core: Its parts.
    """

    def __init__(self, flags: RouterFlags) -> None:
        """Reads state and counts; nothing listens yet.

        Raises:
            RouterError: State, counts or an address cannot be used.
        """
        self._flags = flags
        options = flags.options
        state_dir = flags.state_dir if flags.follows_rollout else None
        live = LiveRouting(state_dir, options.model, _without_rollout(flags))
        links = ArmLinks(options.upstream)
        self.core = RouterCore(
            options=options,
            live=live,
            links=links,
            counts_file=CountsFile(flags.state_dir, flags.router_id, options.model),
            shadow=ShadowQueue(options.shadow_queue, options.shadow_concurrency),
            recorder=_recorder(flags),
        )
        self._probe = ArmProbe(live, links, options)
        self._pages = RouterPages(self._facts, self._is_ready)
        self._rest = RestPassage(self.core)
        self._pool = ClientPool(self._answer, options.limits)
        self._listener: asyncio.Server | None = None
        self._grpc: grpc.aio.Server | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._saver: asyncio.Task[None] | None = None
        self._is_stopping = asyncio.Event()

    async def run(self) -> None:
        """Routes until SIGTERM or SIGINT, then answers what runs and ends.

        Raises:
            RouterError: A port is taken.
        """
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        with self.core.counts_file.locked():
            await self.start()
            await stop.wait()
            _LOG.info("Told to stop: answering the requests that run.")
            await self.stop()
        _LOG.info("Stopped.")

    async def start(self) -> None:
        """Listens.

        Raises:
            RouterError: A port is taken.
        """
        flags = self._flags
        for arm in self.core.live.current.arms:
            try:
                self.core.links.of(arm)
            except ValueError as error:
                raise RouterError(f"arm {arm.name}: {error}") from error
        self._pool.start()
        if flags.grpc_port:
            await self._listen_grpc()
        if flags.rest_port:
            await self._listen_rest()
        self._tasks = [
            asyncio.ensure_future(self.core.live.follow(_log_routing)),
            asyncio.ensure_future(self._probe.keep_asking()),
        ]
        self._saver = asyncio.ensure_future(self._keep_saving())
        for task in (*self._tasks, self._saver):
            task.add_done_callback(_log_failure)
        _log_routing(self.core.live.current)
        _LOG.info("Routing.")

    async def stop(self) -> None:
        """Takes no more requests, answers those that run, and writes counts and log."""
        drain_s = self._flags.drain_s
        if self._listener is not None:
            self._listener.close()
        closing = [self._pool.drain(drain_s)]
        if self._grpc is not None:
            closing.append(self._grpc.stop(drain_s))
        await asyncio.gather(*closing)
        num_left = await self.core.shadow.close(drain_s / 4)
        if num_left:
            _LOG.warning("%d copies in shadow are given up.", num_left)
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        # Not cancelled: a write that runs in its thread would end after the last one.
        self._is_stopping.set()
        if self._saver is not None:
            await self._saver
        await self.core.links.close()
        if self.core.recorder is not None:
            await asyncio.to_thread(self.core.recorder.close)

    async def _answer(self, request: ProxyRequest) -> ProxyAnswer:
        page = self._pages.answer(request)
        return page if page is not None else await self._rest.answer(request)

    async def _listen_rest(self) -> None:
        flags = self._flags
        try:
            self._listener = await asyncio.get_running_loop().create_server(
                lambda: RouterConnection(self._pool),
                flags.bind_address,
                flags.rest_port,
                backlog=_BACKLOG,
            )
        except OSError as error:
            raise RouterError(
                f"REST cannot listen at {flags.bind_address}:{flags.rest_port}: "
                f"{error.strerror or error}. Give it another --rest-port."
            ) from error
        _LOG.info("REST at %s:%d", flags.bind_address, flags.rest_port)

    async def _listen_grpc(self) -> None:
        flags = self._flags
        place = f"{flags.bind_address}:{flags.grpc_port}"
        self._grpc = server = grpc.aio.server(
            options=[
                (
                    "grpc.max_receive_message_length",
                    flags.options.limits.max_body_bytes,
                ),
                ("grpc.max_send_message_length", -1),
                # Two routers at one port would each get half of the calls.
                ("grpc.so_reuseport", 0),
            ]
        )
        server.add_generic_rpc_handlers((GrpcPassage(self.core),))
        try:
            server.add_insecure_port(place)
        except RuntimeError as error:
            raise RouterError(
                f"gRPC cannot listen at {place}: {error}. Give it another --grpc-port."
            ) from error
        await server.start()
        _LOG.info("gRPC at %s", place)

    async def _keep_saving(self) -> None:
        """Writes the counts each second, and once more when the router stops."""
        while not self._is_stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._is_stopping.wait(), _SAVE_S)
            text = self.core.counts_file.encoded()
            if text is not None:
                await asyncio.to_thread(self._write, text)

    def _write(self, text: str) -> None:
        try:
            self.core.counts_file.write(text)
        except OSError as error:
            self.core.counts_file.forget_write()
            _LOG.error("Counts cannot be written: %s.", error)

    def _facts(self) -> RouterFacts:
        core = self.core
        routing = core.live.current
        return RouterFacts(
            routing=routing,
            is_stale=core.live.is_stale,
            counts=core.counts_file.of(routing.rollout_id),
            is_up=self._probe.is_up,
            shadow_waiting=core.shadow.num_waiting,
            recorder=core.recorder,
        )

    def _is_ready(self) -> bool:
        stable = self.core.live.current.stable
        is_up = self._probe.is_up.get(stable.name, False)
        return is_up and not self._pool.is_draining


def _without_rollout(flags: RouterFlags) -> Routing | None:
    if flags.upstream is None:
        return None
    return single_arm(flags.upstream, flags.upstream_grpc)


def _recorder(flags: RouterFlags) -> PredictionRecorder | None:
    if flags.log is None:
        return None
    models = ServedModels(flags.options.model, flags.model_dir)
    return PredictionRecorder(PredictionLogWriter(flags.log), flags.log, models)


def _log_failure(task: asyncio.Task[None]) -> None:
    """Says that one of the tasks that never end has ended; requests go on."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _LOG.critical("A part of the router has ended.", exc_info=error)


def _log_routing(routing: Routing) -> None:
    shares: Callable[[str, float], str] = "{} {:.4g}".format
    stable = shares("stable", 1 - routing.share)
    others = "" if routing.candidate is None else shares(", candidate", routing.share)
    _LOG.info(
        "Rollout %s (%s), state %d: %s%s",
        routing.rollout_id,
        routing.kind,
        routing.serial,
        stable,
        others,
    )

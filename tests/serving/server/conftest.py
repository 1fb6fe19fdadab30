"""Runtime, models and a gRPC server that the server's tests share."""

import asyncio
import socket
import time

import pytest

from serving.server.batching_parameters import MICRO_BATCHING
from serving.server.metrics import ServerMetrics
from serving.server.worker_pool import WorkerPool


@pytest.fixture
def pool():
    """Two worker threads, gone after the test."""
    workers = WorkerPool(2)
    yield workers
    workers.close()


@pytest.fixture
def graph():
    """y = 2 x, which can be held up."""
    from tests.serving.server.batcher_graph import Graph

    return Graph()


@pytest.fixture
def make_batcher(graph, pool):
    """A function that makes a batcher; its `heard` are the batches it told of."""
    from serving.server.batcher import Batcher

    def make(parameters=MICRO_BATCHING, call=graph):
        heard = []
        batcher = Batcher(call, parameters, pool, lambda *facts: heard.append(facts))
        batcher.heard = heard
        return batcher

    return make


@pytest.fixture
def runtime(pool):
    """What all versions of a server share."""
    from serving.server.saved_model import Runtime

    return Runtime(pool=pool, batching=MICRO_BATCHING, metrics=ServerMetrics())


@pytest.fixture(scope="session")
def linear_model(tmp_path_factory):
    """y = x / 2 + 2; for reading only."""
    from tests.serving.server.small_models import write_linear

    return write_linear(tmp_path_factory.mktemp("linear") / "1")


@pytest.fixture(scope="session")
def half_plus_two(tmp_path_factory):
    """TF Serving's model with classify and regress; for reading only."""
    from tests.serving.server.small_models import write_half_plus_two

    return write_half_plus_two(tmp_path_factory.mktemp("half") / "1")


@pytest.fixture(scope="session")
def odd_model(tmp_path_factory):
    """Signatures that batching must be careful with; for reading only."""
    from tests.serving.server.small_models import write_odd_signatures

    return write_odd_signatures(tmp_path_factory.mktemp("odd") / "1")


@pytest.fixture
def eventually():
    """A function that waits until a condition holds, for at most ten seconds."""

    def wait(condition, limit_s=10.0):
        end_s = time.monotonic() + limit_s
        while not condition():
            assert time.monotonic() < end_s, "it did not come to pass"
            time.sleep(0.01)

    return wait


@pytest.fixture
def free_port():
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def manager(runtime, half_plus_two):
    """half_plus_two as model m, its version 1 also called stable."""
    from serving.server.model_config import ModelConfig
    from serving.server.model_manager import ManagerOptions, ModelManager
    from serving.server.version_loading import VersionLoader
    from serving.server.version_policy import VersionPolicy

    loader = VersionLoader(runtime=runtime)
    options = ManagerOptions(poll_wait_s=0.05, labels_unavailable=True)
    made = ModelManager(loader.load, options)
    made.start(
        [
            ModelConfig(
                name="m",
                base_path=half_plus_two.parent,
                policy=VersionPolicy(num_latest=None),
                labels={"stable": 1},
            )
        ]
    )
    yield made
    made.stop()


@pytest.fixture
def talk(manager, runtime, free_port):
    """A function that runs a conversation with a server of its own."""
    import grpc

    from serving.server.grpc_server import GrpcOptions, GrpcServer
    from tests.serving.server.grpc_client import Client

    def run(conversation, **options):
        async def whole():
            given = {"address": "127.0.0.1", "port": free_port, **options}
            metrics = runtime.metrics
            server = GrpcServer(manager, metrics, GrpcOptions(**given))
            await server.start()
            try:
                address = f"127.0.0.1:{free_port}"
                async with grpc.aio.insecure_channel(address) as channel:
                    return await conversation(Client(channel))
            finally:
                await server.stop(5)

        return asyncio.run(whole())

    return run

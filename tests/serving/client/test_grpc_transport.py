"""What the gRPC clients make of codes, silence, TLS and a server that comes up late."""

import asyncio
import socket
import subprocess
import time
from concurrent import futures

import grpc
import pytest

from serving.client.async_grpc_client import AsyncGrpcClient
from serving.client.errors import DeadlineExceededError, OverloadedError
from serving.client.grpc_client import GrpcClient
from serving.client.retries import RetryPolicy
from tests.serving.client.scripted_server import ScriptedServer


def start_server(served, port, **options):
    """Offers the models of a running server at one more port."""
    from serving.server.grpc_server import GrpcOptions, GrpcServer

    async def start():
        given = GrpcOptions(address="127.0.0.1", port=port, **options)
        server = GrpcServer(served.app.manager, served.app.metrics, given)
        await server.start()
        return server

    return served.run(start())


def test_codes_become_types():
    codes = iter(
        [
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            grpc.StatusCode.UNAVAILABLE,
            grpc.StatusCode.RESOURCE_EXHAUSTED,
        ]
    )
    seen = []

    def refuse(_, context):
        seen.append(dict(context.invocation_metadata())["x-request-id"])
        assert context.time_remaining() < 5
        context.abort(next(codes), "busy")

    handler = grpc.method_handlers_generic_handler(
        "tensorflow.serving.ModelService",
        {"GetModelStatus": grpc.unary_unary_rpc_method_handler(refuse)},
    )
    server = grpc.server(futures.ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    quick = RetryPolicy(initial_backoff_s=0.001)
    with (
        GrpcClient(f"127.0.0.1:{port}", "m", retries=quick, timeout_s=5) as client,
        pytest.raises(OverloadedError, match=r"busy \(3 attempts\)") as caught,
    ):
        client.status()
    server.stop(0)
    assert caught.value.code == "RESOURCE_EXHAUSTED"
    assert seen == [caught.value.request_id] * 3


def ask_blocking(target):
    with GrpcClient(target, "m", timeout_s=0.3) as client:
        client.status()


def ask_async(target):
    async def ask():
        async with AsyncGrpcClient(target, "m", timeout_s=0.3) as client:
            await client.status()

    asyncio.run(ask())


@pytest.mark.parametrize("ask", [ask_blocking, ask_async], ids=["blocking", "async"])
def test_silent_server_ends_the_call_in_time(ask):
    def say_nothing(server, _):
        server.wait_until_left()

    with ScriptedServer(say_nothing) as server:
        started = time.monotonic()
        with pytest.raises(DeadlineExceededError, match=r"no answer within 0.3 s"):
            ask(server.address)
    assert 0.25 < time.monotonic() - started < 1.5


def test_tls_with_a_certificate_of_ones_own(served, tmp_path):
    from serving.server.ssl_config import read_server_credentials

    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["/usr/bin/env", "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
         "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    config = tmp_path / "ssl.txt"
    quoted = [file.read_text().replace("\n", "\\n") for file in (key, certificate)]
    config.write_text(f'server_key: "{quoted[0]}" server_cert: "{quoted[1]}"')
    port = _free_port()
    server = start_server(served, port, credentials=read_server_credentials(config))
    trusted = certificate.read_bytes()
    target = f"localhost:{port}"
    with GrpcClient(target, "linear", root_certificates=trusted) as client:
        assert client.predict([{"x": 0.0}]).outputs["y"].tolist() == [5.0]
    with GrpcClient(target, "linear") as client:
        assert client.is_ready() is False
    with pytest.raises(ValueError, match="both given"):
        GrpcClient(target, "m", root_certificates=trusted, credentials=object())
    served.run(server.stop(0))


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_server_that_comes_up_is_found_at_once(served):
    """gRPC's own channel waits for a second after a connection that failed."""
    port = _free_port()
    with GrpcClient(f"127.0.0.1:{port}", "linear") as client:
        assert client.is_ready() is False
        server = start_server(served, port)
        started = time.monotonic()
        while not client.is_ready():
            assert time.monotonic() - started < 0.7
            time.sleep(0.02)
    served.run(server.stop(0))

"""How gRPC is offered: deadlines, health, reflection, sockets, TLS."""

import asyncio
import subprocess

import grpc
import pytest

from serving.server.grpc_server import GrpcOptions, GrpcServer
from serving.server.metrics import ServerMetrics
from serving.server.status import ServingError
from tests.serving.server.grpc_client import Client, predict_request


def test_deadline_is_kept_and_the_request_given_up(talk, monkeypatch):
    given_up = []

    async def never(*_):
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            given_up.append(True)
            raise

    monkeypatch.setattr("serving.server.batcher.Batcher.run", never)

    async def conversation(client):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await client.call(
                client.prediction, "Predict", predict_request(), timeout=0.2
            )
        for _ in range(100):
            await asyncio.sleep(0.01)
            if given_up:
                break
        return error.value.code()

    assert talk(conversation) is grpc.StatusCode.DEADLINE_EXCEEDED
    assert given_up


def test_health_and_reflection_by_flag(talk):
    from grpc_health.v1 import health_pb2, health_pb2_grpc
    from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

    async def conversation(client):
        health = health_pb2_grpc.HealthStub(client.channel)
        found = await health.Check(health_pb2.HealthCheckRequest())
        reflection = reflection_pb2_grpc.ServerReflectionStub(client.channel)
        question = reflection_pb2.ServerReflectionRequest(list_services="")
        async for answer in reflection.ServerReflectionInfo(iter([question])):
            names = [one.name for one in answer.list_services_response.service]
        return found.status, names

    status, names = talk(conversation, has_health=True, has_reflection=True)
    assert status == 1
    assert set(names) == {
        "tensorflow.serving.PredictionService",
        "tensorflow.serving.ModelService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }
    with pytest.raises(grpc.aio.AioRpcError) as error:
        talk(conversation)
    assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_unix_socket(manager, tmp_path):
    path = tmp_path / "s"

    async def conversation():
        options = GrpcOptions(address="127.0.0.1", port=0, socket_path=str(path))
        server = GrpcServer(manager, ServerMetrics(), options)
        await server.start()
        async with grpc.aio.insecure_channel(f"unix:{path}") as channel:
            found = await Client(channel).prediction.Predict(predict_request())
        await server.stop(1)
        return found

    assert asyncio.run(conversation()).model_spec.name == "m"


def test_taken_port_is_an_error(manager, free_port):
    async def conversation():
        options = GrpcOptions(address="127.0.0.1", port=free_port)
        first = GrpcServer(manager, ServerMetrics(), options)
        await first.start()
        try:
            await GrpcServer(manager, ServerMetrics(), options).start()
        finally:
            await first.stop(0)

    with pytest.raises(ServingError, match="cannot listen"):
        asyncio.run(conversation())


@pytest.fixture
def ssl_config(tmp_path):
    """A self-signed key pair in an SSLConfig; returns the file and the certificate."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["/usr/bin/env", "openssl", "req", "-x509", "-newkey", "rsa:2048",
         "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )  # fmt: skip
    path = tmp_path / "ssl.txt"

    def write(extra=""):
        quoted = [file.read_text().replace("\n", "\\n") for file in (key, certificate)]
        path.write_text(f'server_key: "{quoted[0]}" server_cert: "{quoted[1]}" {extra}')
        return path

    write.key, write.certificate = key.read_bytes(), certificate.read_bytes()
    return write


@pytest.mark.parametrize("verifies", [False, True])
def test_tls(manager, free_port, ssl_config, verifies):
    from serving.server.ssl_config import read_server_credentials

    authority = ssl_config.certificate.decode().replace("\n", "\\n")
    extra = f'custom_ca: "{authority}" client_verify: true' if verifies else ""
    credentials = read_server_credentials(ssl_config(extra))

    async def conversation():
        options = GrpcOptions(
            address="127.0.0.1", port=free_port, credentials=credentials
        )
        server = GrpcServer(manager, ServerMetrics(), options)
        await server.start()
        own = (ssl_config.key, ssl_config.certificate) if verifies else (None, None)
        trusted = grpc.ssl_channel_credentials(ssl_config.certificate, *own)
        address = f"localhost:{free_port}"
        async with grpc.aio.secure_channel(address, trusted) as channel:
            found = await Client(channel).prediction.Predict(predict_request())
        async with grpc.aio.insecure_channel(address) as channel:
            with pytest.raises(grpc.aio.AioRpcError):
                await Client(channel).prediction.Predict(predict_request())
        if verifies:
            stranger = grpc.ssl_channel_credentials(ssl_config.certificate)
            async with grpc.aio.secure_channel(address, stranger) as channel:
                with pytest.raises(grpc.aio.AioRpcError):
                    await Client(channel).prediction.Predict(predict_request())
        await server.stop(1)
        return found

    assert asyncio.run(conversation()).model_spec.name == "m"

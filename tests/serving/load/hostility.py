"""What hostile and broken clients do to a server, each as often as it is told to."""

import asyncio
import contextlib
import gzip
import json
import random
import socket
import struct

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import prediction_service_pb2_grpc

from tests.serving.conformance.wire import predict_request
from tests.serving.load.crowd import TIMEOUT_S, read_answer

PATH = "/v1/models/abused:predict"
MAX_BODY_BYTES = 64 << 20
MAX_CONNECTIONS = 4096
# Closing such a socket sends a reset: the client is gone in the middle of everything.
_RESET = struct.pack("ii", 1, 0)


def request(body, more="", length=None):
    """Returns a request as bytes; `length` overrides what its head claims."""
    size = len(body) if length is None else length
    head = f"POST {PATH} HTTP/1.1\r\nHost: load\r\nContent-Length: {size}\r\n{more}\r\n"
    return head.encode() + body


SLOW = request(b'{"signature_name": "slow", "inputs": [20000]}')
QUICK = request(b'{"instances": [1, 2, 3]}')


@contextlib.asynccontextmanager
async def connected(port, *, resets=False):
    """Gives reader and writer of a connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        if resets:
            writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, _RESET
            )
            writer.transport.abort()
        else:
            writer.close()


async def vanish_in_mid_batch(server):
    """300 clients hang up or reset while their batch runs; a third over gRPC."""

    async def over_rest(number):
        async with connected(server.rest_port, resets=number % 2) as (_, writer):
            writer.write((SLOW if number % 20 == 0 else QUICK) * 3)
            await asyncio.sleep(random.uniform(0, 0.05))  # noqa: S311 - no secret

    async def over_grpc(stub):
        values = np.array([20000], np.int64)
        message = predict_request("abused", signature="slow", rounds=values)
        call = stub.Predict(message, timeout=TIMEOUT_S)
        await asyncio.sleep(0.02)
        call.cancel()
        with contextlib.suppress(asyncio.CancelledError, grpc.aio.AioRpcError):
            await call

    async with grpc.aio.insecure_channel(server.grpc_target) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        await asyncio.gather(
            *(over_rest(number) for number in range(280)),
            *(over_grpc(stub) for _ in range(20)),
        )


async def send_halves(server):
    """400 clients stop anywhere inside their request, and go after a moment."""

    async def ask(number):
        part = QUICK[: 1 + number % (len(QUICK) - 1)]
        async with connected(server.rest_port, resets=number % 3 == 0) as (_, writer):
            writer.write(part)
            await asyncio.sleep(0.1)

    await asyncio.gather(*(ask(number) for number in range(400)))


async def flood(server):
    """More connections than the server takes; the rest hears so, and goes at once."""
    many = contextlib.AsyncExitStack()
    async with many:
        for _ in range(MAX_CONNECTIONS):
            await many.enter_async_context(connected(server.rest_port))
        for _ in range(100):
            async with connected(server.rest_port) as (reader, _):
                async with asyncio.timeout(TIMEOUT_S):
                    status, headers, _ = await read_answer(reader)
                assert (status, headers["connection"]) == (503, "close")


async def read_slowly(server):
    """30 clients ask for 20 MB each, read a little of it, and go."""
    rows = json.dumps({"instances": list(range(20_000))}).encode()

    async def ask(number):
        resets = number % 2
        async with connected(server.rest_port, resets=resets) as (reader, writer):
            writer.transport.set_write_buffer_limits(1 << 24)
            writer.write(request(rows) * 50)
            assert (await reader.readexactly(1000)).startswith(b"HTTP/1.1 200 ")
            await asyncio.sleep(0.2)

    await asyncio.gather(*(ask(number) for number in range(30)))


async def send_too_much(server):
    """Bodies beyond the limit, said and in chunks; and most of one, then gone."""
    async with connected(server.rest_port) as (reader, writer):
        writer.write(request(b"", length=MAX_BODY_BYTES + 1))
        assert (await read_answer(reader))[0] == 413
    async with connected(server.rest_port) as (reader, writer):
        more = "Transfer-Encoding: chunked\r\n"
        writer.write(request(b"", more).replace(b"Content-Length: 0\r\n", b""))
        block = b"400000\r\n" + b" " * (4 << 20) + b"\r\n"
        with contextlib.suppress(OSError):
            for _ in range(MAX_BODY_BYTES // (4 << 20) + 1):
                writer.write(block)
                await writer.drain()
        assert (await read_answer(reader))[0] == 413
    for _ in range(9):
        async with connected(server.rest_port, resets=True) as (reader, writer):
            writer.write(request(b" " * (60 << 20), length=MAX_BODY_BYTES))
            await writer.drain()
            await asyncio.sleep(0.02)


BAD_BODIES = (
    b'{"instances": [',
    b'{"instances": ["a", 1]}',
    b'{"instances": [[1], [2, 3]]}',
    b'{"instances": [{"x": 1}, {"x": "a"}]}',
    b'{"instances": [1], "inputs": [1]}',
    b'{"inputs": {"x": [1, [2]]}}',
    b'{"inputs": {"x": {"b64": "AA=="}}}',
    b'{"signature_name": "wide", "instances": [[1, 2], [3]]}',
    b'{"signature_name": "wide", "instances": [[1, 2], [[3]]]}',
    b'{"signature_name": "pair", "instances": [{"x": 1}]}',
    b'{"signature_name": "pair", "instances": [{"x": "a", "word": 1}]}',
    b'{"signature_name": "no"}',
    b"\xff\xfe\x00",
    b"[" * 5000,
    b"",
)


async def send_nonsense(server):
    """Wrong types, ragged shapes, broken JSON and broken gzip, over and over."""
    async with connected(server.rest_port) as (reader, writer):
        for _ in range(30):
            for body in BAD_BODIES:
                writer.write(request(body))
                status, _, content = await read_answer(reader)
                assert status == 400, (body, content)
                assert list(json.loads(content)) == ["error"], body
            packed = gzip.compress(b'{"instances": [1.0, 2.0]}')
            for bad in (packed[:-9], b"no gzip", packed[:12] + b"\0" * 9):
                writer.write(request(bad, "Content-Encoding: gzip\r\n"))
                status, _, content = await read_answer(reader)
                assert status == 400, content


async def send_nonsense_over_grpc(server):
    """Tensors that lie about themselves, tensors of other types, and bare noise."""
    lying = predict_request("abused", x=np.zeros(3, np.float32))
    lying.inputs["x"].tensor_shape.dim[0].size = 1 << 40
    negative = predict_request("abused", x=np.zeros(3, np.float32))
    negative.inputs["x"].tensor_shape.dim[0].size = -2
    untyped = predict_request("abused", x=np.zeros(3, np.float32))
    untyped.inputs["x"].dtype = 0
    wrong = predict_request("abused", x=np.zeros(3, np.int64))
    async with grpc.aio.insecure_channel(server.grpc_target) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        for message in [lying, negative, untyped, wrong] * 20:
            with pytest.raises(grpc.aio.AioRpcError) as found:
                await stub.Predict(message, timeout=TIMEOUT_S)
            assert found.value.code() is grpc.StatusCode.INVALID_ARGUMENT, message
    noise = random.Random(1).randbytes(20_000)  # noqa: S311 - no secret
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    port = int(server.grpc_target.rpartition(":")[2])
    for start in range(0, len(noise), 1000):
        async with connected(port, resets=start % 2000) as (_, writer):
            writer.write(preface[: start % 40] + noise[start:])
            await asyncio.sleep(0.01)

"""An arm that does with each request what a test says, over REST and gRPC."""

import asyncio
import json
import threading
from dataclasses import dataclass

import grpc

from serving.client.wire_messages import new_message, parse_message

HANG, BREAK, HALF = object(), object(), object()
STATUS = {
    "model_version_status": [
        {
            "version": "1",
            "state": "AVAILABLE",
            "status": {"error_code": "OK", "error_message": ""},
        }
    ]
}
_TENSOR = {
    "dtype": "DT_FLOAT",
    "tensor_shape": {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False},
    "name": "x:0",
}
METADATA = {
    "model_spec": {"name": "m", "signature_name": "", "version": "5"},
    "metadata": {
        "signature_def": {
            "signature_def": {
                "serving_default": {
                    "inputs": {"x": _TENSOR},
                    "outputs": {"y": _TENSOR},
                    "method_name": "tensorflow/serving/predict",
                }
            }
        }
    },
}


@dataclass
class Seen:
    """A request as it came.

    Attributes:
        connection: Number of the connection it came over.
        headers: Values of one name joined, a comma between two.
    """

    method: str
    path: str
    headers: dict
    body: bytes
    connection: int


class StubArm:
    """Serves until it is left.

    Attributes:
        rest, grpc: "127.0.0.1:port" of either.
        seen: Requests of REST but for probes, in order.
        calls: (method, message, metadata) of gRPC, in order.
        reply: What REST answers: HANG, BREAK, HALF (of an answer), or (status, headers,
            body); a function of Seen that returns one of them.
        answer: What Predict answers: HANG, or a grpc.StatusCode, or bytes.
    """

    def __init__(self, value=1.0):
        self.seen, self.calls = [], []
        self.value = value
        self.reply = (200, {}, json.dumps({"predictions": [value]}).encode())
        self.answer = predict_response(value)
        self._num_connections = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        self.run(self._start())
        return self

    def __exit__(self, *_):
        self.run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    @property
    def url(self):
        return f"http://{self.rest}"

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(20)

    async def _start(self):
        self._writers, self._hung = set(), asyncio.Event()
        self._rest = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.rest = f"127.0.0.1:{self._rest.sockets[0].getsockname()[1]}"
        self._grpc = grpc.aio.server()
        self._grpc.add_generic_rpc_handlers((_Calls(self),))
        self.grpc = f"127.0.0.1:{self._grpc.add_insecure_port('127.0.0.1:0')}"
        await self._grpc.start()

    async def _stop(self):
        self._hung.set()
        self._rest.close()
        await self._grpc.stop(0)
        for writer in self._writers:
            writer.close()
        await asyncio.sleep(0)

    async def close_connections(self):
        """Closes those that are kept, as a server does that was silent for long."""
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader, writer):
        self._num_connections += 1
        number = self._num_connections
        self._writers.add(writer)
        try:
            while await self._answer(reader, writer, number):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, reader, writer, number):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        request_line, *lines = head.strip().split("\r\n")
        method, path, _ = request_line.split(" ")
        headers = {}
        for line in lines:
            name, value = line.split(": ", 1)
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if method == "GET" and path.startswith("/v1/models/m") and "x" not in headers:
            known = METADATA if path.endswith("/metadata") else STATUS
            reply = (200, {}, json.dumps(known).encode())
        else:
            seen = Seen(method, path, headers, body, number)
            self.seen.append(seen)
            reply = self.reply(seen) if callable(self.reply) else self.reply
        if reply is HANG:
            await self._hung.wait()
            return False
        if reply is BREAK:
            return False
        if reply is HALF:
            writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 40\r\n\r\n{"pred')
            await writer.drain()
            return False
        status, more, content = reply
        lines = "".join(f"{name}: {value}\r\n" for name, value in more.items())
        writer.write(
            f"HTTP/1.1 {status} X\r\n{lines}content-length: {len(content)}\r\n\r\n"
            .encode() + content
        )  # fmt: skip
        await writer.drain()
        return True


class _Calls(grpc.GenericRpcHandler):
    def __init__(self, arm):
        self._arm = arm

    def service(self, details):
        method = details.method

        async def handle(request, context):
            metadata = dict(context.invocation_metadata())
            self._arm.calls.append((method, request, metadata))
            if not method.endswith("/Predict"):
                await context.abort(grpc.StatusCode.UNIMPLEMENTED, "not here")
            if self._arm.answer is HANG:
                await self._arm._hung.wait()
            if isinstance(self._arm.answer, grpc.StatusCode):
                await context.abort(self._arm.answer, "as told")
            context.set_trailing_metadata((("x-told", "yes"),))
            return self._arm.answer

        return grpc.unary_unary_rpc_method_handler(handle)


def predict_response(*values):
    """A PredictResponse with output y."""
    response = new_message("PredictResponse")
    tensor = response.outputs["y"]
    tensor.dtype = 1
    tensor.tensor_shape.dim.add(size=len(values))
    tensor.float_val.extend(values)
    return response.SerializeToString()


def predict_request(model="m", version=None, size=1):
    """A PredictRequest with input x."""
    request = new_message("PredictRequest")
    request.model_spec.name = model
    if version is not None:
        request.model_spec.version.value = version
    tensor = request.inputs["x"]
    tensor.dtype = 1
    tensor.tensor_shape.dim.add(size=size)
    tensor.float_val.extend([1.0] * size)
    return request.SerializeToString()


def asked_version(request):
    """The version that a PredictRequest asks for, merged as protobuf does."""
    spec = parse_message("PredictRequest", request).model_spec
    return spec.version.value if spec.HasField("version") else None

"""Many clients in one event loop, each with one request at a time, and what they saw.

Over REST a client is a bare socket: it opens one connection, asks for one row again and
again, and never tries again. Over gRPC it is a stub with a connection of its own, which
is gRPC's to open anew.
"""

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass, field

import grpc
from tensorflow_serving.apis import prediction_service_pb2_grpc

from tests.serving.conformance.wire import floats, predict_request
from tests.serving.load.load_models import STEP

TIMEOUT_S = 30.0
_OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1),)
_NUMBERS = 400
"""How many different rows a client asks for; 200 clients' stay below STEP."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One request.

    Attributes:
        way: "rest" or "grpc".
        pin: The version the request named; None: none.
        sent_s, ended_s: On the monotonic clock.
        version: That answered; None: none did.
        problem: What came instead of an answer; "": nothing did.
    """

    way: str
    pin: int | None = None
    sent_s: float
    ended_s: float
    version: int | None = None
    problem: str = ""


@dataclass(kw_only=True)
class Crowd:
    """Clients of one model that ask until they are told to end.

    Attributes:
        rest_port, grpc_target: Of the server.
        model: A telling one.
        asked: Every request that ended, in the order of their ends.
    """

    rest_port: int
    grpc_target: str
    model: str
    asked: list[Asked] = field(default_factory=list)
    _ends: bool = False
    _clients: list[asyncio.Task] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def asking(self, *, rest=0, grpc=0, pinned=0, pin=None):
        """Keeps so many clients asking for as long as the block runs."""
        clients = [self._over_rest(number, None) for number in range(rest)]
        clients += [self._over_rest(rest + n, pin) for n in range(pinned)]
        clients += [self._over_grpc(rest + pinned + n) for n in range(grpc)]
        self._clients = [asyncio.ensure_future(client) for client in clients]
        await self.until_each_asked(2)
        try:
            yield self
        finally:
            self._ends = True
            await asyncio.gather(*self._clients)

    async def until_each_asked(self, times):
        """Waits until so many times as many requests ended as there are clients."""
        wanted = len(self.asked) + times * len(self._clients)
        end_s = time.monotonic() + TIMEOUT_S
        while len(self.asked) < wanted:
            assert time.monotonic() < end_s, self.asked[-5:]
            await asyncio.sleep(0.02)

    @property
    def problems(self):
        """Requests that were not answered as they should be."""
        return [one for one in self.asked if one.problem]

    async def _over_rest(self, number, pin):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.rest_port)
        version = "" if pin is None else f"/versions/{pin}"
        path, goes_on = f"/v1/models/{self.model}{version}:predict", True
        for x in _rows(number):
            if self._ends or not goes_on or reader.at_eof():
                break
            sent_s = time.monotonic()
            found, goes_on = await _post(reader, writer, path, x)
            self.asked.append(
                Asked(
                    way="rest",
                    pin=pin,
                    sent_s=sent_s,
                    ended_s=time.monotonic(),
                    **found,
                )
            )
        writer.close()

    async def _over_grpc(self, number):
        async with grpc.aio.insecure_channel(
            self.grpc_target, _OWN_CONNECTION
        ) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            for x in _rows(number):
                if self._ends:
                    return
                sent_s = time.monotonic()
                found = await _call(stub, predict_request(self.model, x=floats(x)), x)
                ended_s = time.monotonic()
                self.asked.append(
                    Asked(way="grpc", sent_s=sent_s, ended_s=ended_s, **found)
                )
                if found.get("problem"):
                    return


def _rows(number):
    """Gives a client's rows without end; no two clients have one in common."""
    count = 0
    while True:
        yield float(number * _NUMBERS + count % _NUMBERS)
        count += 1


async def _post(reader, writer, path, x):
    """Returns what became of one request, and whether the connection takes more."""
    body = b'{"instances": [%d]}' % int(x)
    head = f"POST {path} HTTP/1.1\r\nHost: load\r\nContent-Length: {len(body)}\r\n\r\n"
    try:
        writer.write(head.encode() + body)
        async with asyncio.timeout(TIMEOUT_S):
            status, headers, content = await read_answer(reader)
    except (OSError, EOFError, TimeoutError) as error:
        return {"problem": f"lost: {error!r}"}, False
    goes_on = headers.get("connection") != "close"
    if status == 404:
        return {}, goes_on
    if status != 200:
        return {"problem": f"{status}: {content.decode()}"}, goes_on
    (y,) = json.loads(content)["predictions"]
    return _judged(x, y, int(headers["x-slipway-model-version"])), goes_on


async def read_answer(reader):
    """Reads one HTTP answer: status, headers by name in lower case, body."""
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").rstrip().split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(": ")
        headers[name.lower()] = value
    body = await reader.readexactly(int(headers["content-length"]))
    return int(first.split()[1]), headers, body


async def _call(stub, request, x):
    try:
        found = await stub.Predict(request, timeout=TIMEOUT_S)
    except grpc.aio.AioRpcError as error:
        return {"problem": f"{error.code().name}: {error.details()}"}
    (y,) = found.outputs["y"].float_val
    return _judged(x, y, found.model_spec.version.value)


def _judged(x, y, version):
    """Compares the answer with what the version that claims it must say."""
    if y != x + version * STEP:
        return {"problem": f"version {version} says {y} to {x}"}
    return {"version": version}

"""A server on a thread of its own, and a client that sends what it is told to."""

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import uvloop

from serving.server.rest.server import RestOptions, RestServer

POST_HEAD = "POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {size}\r\n{more}\r\n"
PREDICT = "/v1/models/half_plus_two:predict"
ONE_ROW = b'{"instances": [1.0]}'


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class RunningServer:
    server: RestServer
    port: int
    loop: asyncio.AbstractEventLoop
    stopped: list[float] = field(default_factory=list)

    def stop(self, drain_s: float) -> float:
        """Drains; returns how many seconds that took."""
        begun = time.monotonic()
        future = asyncio.run_coroutine_threadsafe(self.server.stop(drain_s), self.loop)
        future.result(60)
        self.stopped.append(drain_s)
        return time.monotonic() - begun

    def connect(self) -> "Client":
        return Client(self.port)

    def wait_until(self, is_so: Any, timeout_s: float = 5.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not is_so():
            assert time.monotonic() < deadline, "it never came to that"
            time.sleep(0.005)


@contextlib.contextmanager
def running(backend: Any, **options: Any) -> Iterator[RunningServer]:
    loop = uvloop.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = RestServer(backend, RestOptions(**options))
    start = server.start("127.0.0.1", 0)
    port = asyncio.run_coroutine_threadsafe(start, loop).result(10)
    found = RunningServer(server, port, loop)
    try:
        yield found
    finally:
        if not found.stopped:
            found.stop(0.0)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


class Client:
    """One connection; the bytes are the test's."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.buffer = b""

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *error: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def post(self, path: str, body: bytes, more: str = "") -> Reply:
        head = POST_HEAD.format(path=path, size=len(body), more=more)
        self.send(head.encode() + body)
        return self.reply()

    def get(self, path: str, method: str = "GET", more: str = "") -> Reply:
        self.send(f"{method} {path} HTTP/1.1\r\nHost: test\r\n{more}\r\n".encode())
        return self.reply(has_body=method != "HEAD")

    def reply(self, *, has_body: bool = True) -> Reply:
        head, _, rest = self._read_to(b"\r\n\r\n").partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        self.buffer = rest
        size = int(headers.get("content-length", "0")) if has_body else 0
        while len(self.buffer) < size:
            self._receive()
        body, self.buffer = self.buffer[:size], self.buffer[size:]
        return Reply(int(lines[0].split()[1]), headers, body)

    def is_closed(self) -> bool:
        """Waits for the server to close; False: it sent something instead."""
        try:
            return not self.buffer and not self.socket.recv(65536)
        except ConnectionError:
            return True

    def is_cut_off(self, data: bytes, times: int, pause_s: float = 0.0) -> bool:
        """Sends the same bytes over and over; whether the server ended that."""
        try:
            for _ in range(times):
                self.send(data)
                time.sleep(pause_s)
        except OSError:
            return True
        return False

    def _read_to(self, end: bytes) -> bytes:
        while end not in self.buffer:
            self._receive()
        return self.buffer

    def _receive(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the server closed the connection")
        self.buffer += data

"""The processes of a replay: servers, a router, a receiver of alerts. All end with it.

Each is tied to this process: it is killed when this one dies, however it dies.
"""

import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks.year_replayed.year_settings import MODEL, YearSettings
from serving.server_check.server_process import ServerProcess
from serving.server_check.tied_process import tied

_ROUTER = (sys.executable, "-m", "pipeline.cli", "router")
_ROTATE_S = 0.5
_START_S = 60.0
_POLL_S = 0.05
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def start_server(
    settings: YearSettings, base_path: Path, name: str, *flags: str
) -> ServerProcess:
    """Starts an embedded server and waits until the model answers.

    Args:
        settings: Of the replay.
        base_path: Folder of the versions; the newest is served.
        name: Of its log's file.
        flags: More flags.

    Raises:
        ServerFailedError: It does not serve.
    """
    given = (f"--model_name={MODEL}", f"--model_base_path={base_path}", *flags)
    server = ServerProcess(given, log=settings.state / f"server-{name}.log")
    try:
        server.wait_until_available(MODEL)
    except BaseException:
        server.stop()
        raise
    return server


def logging_flags(settings: YearSettings) -> tuple[str, ...]:
    """Returns the flags that turn on the prediction log, closed soon after a burst."""
    return (
        f"--prediction_log_dir={settings.log}",
        f"--prediction_log_rotate_s={_ROTATE_S}",
        "--prediction_log_transformed_share=0",
    )


def served_versions(server: ServerProcess) -> list[int]:
    """Returns the versions that answer, ascending."""
    states = (server.status(MODEL) or {}).get("model_version_status", [])
    return sorted(
        int(one["version"]) for one in states if one.get("state") == "AVAILABLE"
    )


def wait_for_version(server: ServerProcess, version: int) -> None:
    """Waits until a server answers with this version alone.

    Raises:
        TimeoutError: It does not within a minute.
    """
    end_s = time.monotonic() + _START_S
    while served_versions(server) != [version]:
        if time.monotonic() > end_s:
            raise TimeoutError(
                f"version {version} is not served after {_START_S:g} s; served are "
                f"{served_versions(server)}. Its log ends: {server.log_text()[-500:]}"
            )
        time.sleep(_POLL_S)


@contextlib.contextmanager
def running_router(settings: YearSettings, upstream: str) -> Iterator[str]:
    """Runs `slipway router` in a process of its own; gives its "host:port".

    Args:
        settings: Of the replay.
        upstream: REST address of the server that answers while there is no rollout.
    """
    settings.rollout.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(socket.socket()) as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    log = settings.state / "router.log"
    command = [
        *_ROUTER, f"--model={MODEL}",
        f"--state={settings.rollout}", f"--upstream={upstream}",
        f"--rest-port={port}", "--grpc-port=0", "--router-id=year",
    ]  # fmt: skip
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - no shell
            tied(command, signal.SIGKILL),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_for_router(process, port, log)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(_START_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for_router(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end_s = time.monotonic() + _START_S
    while time.monotonic() < end_s and process.poll() is None:
        address = f"http://127.0.0.1:{port}/slipway/ready"
        with contextlib.suppress(OSError), _DIRECT.open(address, timeout=5):
            return
        time.sleep(_POLL_S)
    raise RuntimeError(
        f"the router does not answer. Its log: {log.read_text()[-2000:]}"
    )


class AlertReceiver:
    """A webhook on loopback that keeps what it is told.

    Attributes:
        url: Its address.
        received: Slack's JSON, in order.
    """

    def __init__(self) -> None:
        """Listens at a free port."""
        self.received: list[dict[str, Any]] = []
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers["content-length"])
                received.append(json.loads(self.rfile.read(size)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Stays quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/alerts"

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()

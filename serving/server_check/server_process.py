"""Starts a model server as a process of its own, waits for it, and ends it.

    flags = ("--model_name=m", "--model_base_path=/models/m")
    with ServerProcess(flags, log=log_file) as server:
        server.wait_until_available("m")
        … f"http://127.0.0.1:{server.rest_port}/v1/models/m:predict" …

The same flags start ours and tensorflow_model_server. Nothing here knows which of the
two it is, but for the command that starts it.

Nobody else gets its ports between choosing them and listening, which takes seconds: a
socket that never listens holds each of them. Both servers may listen beside it, since
they set SO_REUSEADDR; a port asked for with number 0 is never one of these. The process
has a group of its own, and is killed when this process dies.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from serving.server import __main__ as our_server
from serving.server_check.tied_process import tied

OUR_SERVER = (sys.executable, "-m", our_server.__package__)
_ROOT = Path(__file__).resolve().parents[2]
_POLL_S = 0.05
_GET_TIMEOUT_S = 5.0
# TF Serving's default, which its monitoring configuration may change.
_METRICS_PATH = "/monitoring/prometheus/metrics"
_KILL_WAIT_S = 10.0
# A proxy of the environment knows nothing of this machine's ports.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ServerFailedError(Exception):
    """A server process ended, or did not serve in time.

    Attributes:
        reason: What is wrong, in one sentence.
        log: The end of what it wrote, at most 2,000 characters.
    """

    def __init__(self, reason: str, log: str) -> None:
        super().__init__(f"{reason} Its log ends with:\n{log}" if log else reason)
        self.reason = reason
        self.log = log


class ServerProcess:
    """One running server on loopback.

    Attributes:
        rest_port, grpc_port: TCP ports it was told to listen at.
        pid: Of the process.
    """

    def __init__(
        self, flags: Sequence[str], *, log: Path, binary: str | None = None
    ) -> None:
        """Starts the process.

        The thread that calls this must live as long as the server; see tied_process.

        Args:
            flags: Of tensorflow_model_server, without the two ports.
            log: File its standard output and error are written to.
            binary: Path of a tensorflow_model_server; None: our own server.

        Raises:
            ServerFailedError: The binary is not there or may not be executed.
        """
        command = [binary] if binary else list(OUR_SERVER)
        _check_executable(command[0])
        self._log = log
        self._held = [_held_port(), _held_port()]
        self.rest_port, self.grpc_port = (held.getsockname()[1] for held in self._held)
        ports = (f"--rest_api_port={self.rest_port}", f"--port={self.grpc_port}")
        with log.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - no shell
                tied([*command, *ports, *flags], signal.SIGKILL),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": _python_path()},
                start_new_session=True,
            )
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def rest_address(self) -> str:
        """Address of the REST side, without a slash at its end."""
        return f"http://127.0.0.1:{self.rest_port}"

    @property
    def grpc_target(self) -> str:
        """Address of the gRPC side, as a channel takes it."""
        return f"127.0.0.1:{self.grpc_port}"

    def log_text(self) -> str:
        """Returns what the process has written so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def exit_code(self) -> int | None:
        """Returns the process's exit code; None: it runs."""
        return self._process.poll()

    def how_it_ended(self, wait_s: float = 0.0) -> str:
        """Returns how the process ended, such as "ended with code 1"; "": it runs.

        Args:
            wait_s: How long to wait for an end; a broken connection is seen before it.
        """
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(wait_s)
        code = self.exit_code()
        if code is None:
            return ""
        if code < 0:
            return f"was ended by {signal.Signals(-code).name}"
        return f"ended with code {code}"

    def status(self, model: str) -> dict[str, Any] | None:
        """Returns the model's status as REST gives it; None: no answer yet."""
        try:
            found: dict[str, Any] = json.loads(self._get(f"/v1/models/{model}"))
            return found
        except (OSError, ValueError):
            return None

    def metrics_text(self) -> str:
        """Returns the metrics as Prometheus reads them; "": the server shows none."""
        try:
            return self._get(_METRICS_PATH).decode("utf-8", "replace")
        except OSError:
            return ""

    def _get(self, path: str) -> bytes:
        with _DIRECT.open(self.rest_address + path, timeout=_GET_TIMEOUT_S) as answer:
            content: bytes = answer.read()
            return content

    def wait_until_available(self, model: str, timeout_s: float = 120.0) -> float:
        """Waits until a version of the model answers.

        Returns:
            Seconds it took from now on.

        Raises:
            ServerFailedError: The process ends, a version fails for good (END with an
                error), or the time is over.
        """
        started = time.monotonic()
        states: list[str] = []
        while time.monotonic() - started < timeout_s:
            if self.exit_code() is not None:
                raise self._failed(f"The server {self.how_it_ended()}.")
            versions = (self.status(model) or {}).get("model_version_status", [])
            states = [version.get("state", "") for version in versions]
            if "AVAILABLE" in states:
                return time.monotonic() - started
            for version in versions:
                problem = version.get("status", {}).get("error_message", "")
                if version.get("state") == "END" and problem:
                    raise self._failed(f"The server refuses the model: {problem}")
            time.sleep(_POLL_S)
        seen = f" (its versions are {', '.join(states)})" if states else ""
        raise self._failed(f"{model} was not served in {timeout_s:g} s{seen}.")

    def peak_memory_bytes(self) -> int:
        """Returns the process's largest resident size so far.

        Source: VmHWM of proc(5), in KiB.

        Raises:
            ServerFailedError: The process has ended.
        """
        try:
            status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        except OSError:
            status = ""
        for line in status.splitlines():
            if line.startswith("VmHWM"):  # a process that ended has none
                return int(line.split()[1]) * 1024
        raise self._failed(f"The server {self.how_it_ended() or 'ended'}.")

    def stop(self, timeout_s: float = 30.0) -> int:
        """Tells the process to end, kills it after the time-out, and its group with it.

        Returns:
            Its exit code; negative: the signal that ended it.
        """
        if not self._held:
            return self._process.wait(_KILL_WAIT_S)
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)
        # The process itself, and what one that is a script has started.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        while self._held:
            self._held.pop().close()
        return self._process.wait(_KILL_WAIT_S)

    def _failed(self, reason: str) -> ServerFailedError:
        return ServerFailedError(reason, self.log_text()[-2000:].strip())


def _check_executable(path: str) -> None:
    if not Path(path).is_file():
        raise ServerFailedError(f"{path} cannot be started: there is no such file.", "")
    if not os.access(path, os.X_OK):
        raise ServerFailedError(
            f"{path} cannot be started: it is not executable. Run chmod +x on it.", ""
        )


def _held_port() -> socket.socket:
    """Returns a socket bound to a free port of loopback; it never listens."""
    held = socket.socket()
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        held.setsockopt(socket.SOL_SOCKET, option, 1)
    held.bind(("127.0.0.1", 0))
    return held


def _python_path() -> str:
    """Our own packages first, wherever the caller's folder is."""
    return os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))

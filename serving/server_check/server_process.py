"""Starts a model server as a process of its own, waits for it, and ends it.

    flags = ("--model_name=m", "--model_base_path=/models/m")
    with ServerProcess(flags, log=log_file) as server:
        server.wait_until_available("m")
        … f"http://127.0.0.1:{server.rest_port}/v1/models/m:predict" …

The same flags start ours and tensorflow_model_server. Nothing here knows which of the
two it is, but for the command that starts it.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

OUR_SERVER = (sys.executable, "-m", "serving.server")
_ROOT = Path(__file__).resolve().parents[2]
_POLL_S = 0.05


class ServerFailedError(Exception):
    """A server process ended, or did not serve in time.

    Attributes:
        log: The end of what it wrote, at most 2,000 characters.
    """

    def __init__(self, reason: str, log: str) -> None:
        super().__init__(f"{reason} Its log ends with:\n{log}" if log else reason)
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

        Args:
            flags: Of tensorflow_model_server, without the two ports.
            log: File its standard output and error are written to.
            binary: Path of a tensorflow_model_server; None: our own server.

        Raises:
            ServerFailedError: The binary cannot be started.
        """
        self.rest_port, self.grpc_port = _free_ports(2)
        self._log = log
        command = [binary] if binary else list(OUR_SERVER)
        ports = (f"--rest_api_port={self.rest_port}", f"--port={self.grpc_port}")
        with log.open("wb") as output:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - no shell
                    [*command, *ports, *flags],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, "PYTHONPATH": _python_path()},
                )
            except OSError as error:
                raise ServerFailedError(
                    f"{command[0]} cannot be started: {error.strerror}.", ""
                ) from error
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

    def status(self, model: str) -> dict[str, Any] | None:
        """Returns the model's status as REST gives it; None: no answer yet."""
        url = f"{self.rest_address}/v1/models/{model}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - http
                found: dict[str, Any] = json.loads(answer.read())
                return found
        except (OSError, urllib.error.URLError, ValueError):
            return None

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
                raise self._failed(f"The server ended with code {self.exit_code()}.")
            versions = (self.status(model) or {}).get("model_version_status", [])
            states = [version["state"] for version in versions]
            if "AVAILABLE" in states:
                return time.monotonic() - started
            for version in versions:
                problem = version.get("status", {}).get("error_message", "")
                if version["state"] == "END" and problem:
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
            raise self._failed("The server has ended.") from None
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024

    def stop(self, timeout_s: float = 30.0) -> int:
        """Tells the process to end, and kills it after the time-out.

        Returns:
            Its exit code; negative: the signal that ended it.
        """
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _failed(self, reason: str) -> ServerFailedError:
        return ServerFailedError(reason, self.log_text()[-2000:].strip())


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as open_sockets:
        probes = [open_sockets.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def _python_path() -> str:
    """Our own packages first, wherever the caller's folder is."""
    return os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))

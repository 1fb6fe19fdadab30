"""`slipway router` and `slipway proxy` as processes of their own."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from serving.server_check.tied_process import tied
from tests.serving.router.running_router import ask, free_ports

ROOT = Path(__file__).resolve().parents[3]
_RUN = "import typer; from pipeline.{0}_command import {0}; typer.run({0})"


class RouterProcess:
    """Runs until it is left, or killed.

    Attributes:
        rest, grpc: "127.0.0.1:port" of either; the same after a restart.
    """

    def __init__(self, command, *options, log, ports=None):
        """Takes "router" or "proxy" and the command's options, without the ports."""
        rest, grpc = ports or free_ports(2)
        self.ports = (rest, grpc)
        self.rest, self.grpc = f"127.0.0.1:{rest}", f"127.0.0.1:{grpc}"
        self._log = log
        script = [sys.executable, "-c", _RUN.format(command)]
        given = [f"--rest-port={rest}", f"--grpc-port={grpc}", *options]
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                tied([*script, *given], signal.SIGKILL),
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )

    def __enter__(self):
        self.wait_until_ready()
        return self

    def __exit__(self, *_):
        self.stop()

    def wait_until_ready(self):
        end_s = time.monotonic() + 30
        while time.monotonic() < end_s:
            with contextlib.suppress(OSError):
                if ask(self.rest, "/slipway/ready", None)[0] == 200:
                    return
            assert self._process.poll() is None, self._log.read_text()
            time.sleep(0.02)
        raise AssertionError(self._log.read_text())

    def stop(self, number=signal.SIGTERM):
        """Sends a signal and returns the exit code."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)
        return self._process.wait(30)

    def wait(self):
        """Waits for its end; returns exit code and what it wrote."""
        return self._process.wait(30), self._log.read_text()

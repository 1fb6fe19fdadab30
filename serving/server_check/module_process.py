"""Runs one of our modules in a process of its own and reads the report it prints.

    with ModuleProcess("serving.load_check", ("model", "extras")) as look:
        report = look.report(timeout_s=300)

A process of its own, because a loader that crashes must not take the run along, and
because the trainer's process has imported libraries that make broken exports look
sound. However the process ends, a report comes of it.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from serving.server_check.tied_process import tied

_ROOT = Path(__file__).resolve().parents[2]
# To end what it has started itself.
_GRACE_S = 10.0


class ModuleProcess:
    """One running `python -m MODULE`; it is told to end when this process dies."""

    def __init__(self, module: str, arguments: Sequence[str]) -> None:
        """Starts it.

        The thread that calls this must live as long; see tied_process.

        Args:
            module: Its `__main__` prints a JSON object as the last line of standard
                output.
            arguments: Of its command line.
        """
        self._module = module
        self._process = subprocess.Popen(  # noqa: S603 - a module of ours, no shell
            tied([sys.executable, "-m", module, *arguments], signal.SIGTERM),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            cwd=_ROOT,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def report(self, timeout_s: float) -> dict[str, Any]:
        """Waits for the process; its standard error is passed on.

        Returns:
            What it printed. Of one that died or takes too long {"is_servable": False,
            "reason": …}.
        """
        try:
            output, errors = self._process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            self._end()
            return _refusal(f"python -m {self._module} took more than {timeout_s:g} s")
        sys.stderr.write(errors)
        lines = output.strip().splitlines()
        if lines and lines[-1].startswith("{"):
            report: dict[str, Any] = json.loads(lines[-1])
            return report
        last = errors.strip().splitlines()[-1:] or ["no output"]
        return _refusal(
            f"python -m {self._module} died with exit code "
            f"{self._process.returncode}: {last[0]}"
        )

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.communicate(timeout=_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _refusal(reason: str) -> dict[str, Any]:
    return {"is_servable": False, "reason": reason}

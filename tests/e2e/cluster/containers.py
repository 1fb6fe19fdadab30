"""Runs a container's command in a process of its own, as an image would.

The process is a fork of one that has imported the libraries, and runs the command's
module as `python -m` does; or, if asked, a fresh interpreter, which takes ten seconds
longer.
"""

import multiprocessing
import os
import runpy
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pipeline.node_processes import NodeProcesses
from tests.e2e.project import ROOT

_PYTHON = ["python", "-m"]


class Process(Protocol):
    """A container at work."""

    def poll(self) -> int | None: ...


@dataclass(frozen=True)
class Machine:
    """Stands for an image with this project: its python, and where buckets are seen.

    Attributes:
        mount_root: Folder in front of /gcs, /minio and /s3.
        fresh: Tasks that get a fresh interpreter.
    """

    mount_root: Path
    fresh: frozenset[str] = frozenset()

    def start(self, task: str, command: Sequence[str], log: Path) -> Process:
        """Starts a command in an empty folder, with nothing of the caller's paths."""
        assert list(command[:2]) == _PYTHON, command
        folder = log.with_suffix(".cwd")
        folder.mkdir(parents=True)
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "SLIPWAY_", "TF_"))
        }
        environment |= {
            "PYTHONPATH": str(ROOT),
            "SLIPWAY_MOUNT_ROOT": str(self.mount_root),
        }
        if task in self.fresh:
            return _start_fresh(command, folder, environment, log)
        # The same process that runs in tests fork: it is there already, or of use.
        NodeProcesses(self.mount_root.with_name("start.log")).start_server()
        return _Fork(command[2:], folder, environment, log)


def _start_fresh(
    command: Sequence[str], folder: Path, environment: dict[str, str], log: Path
) -> Process:
    with log.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, *command[1:]],
            stdout=file,
            stderr=file,
            cwd=folder,
            env=environment,
        )


class _Fork:
    def __init__(self, *arguments: Any) -> None:
        context = multiprocessing.get_context("forkserver")
        self._process = context.Process(target=_run_module, args=arguments)
        self._process.start()

    def poll(self) -> int | None:
        return self._process.exitcode


def _run_module(
    command: Sequence[str], folder: Path, environment: dict[str, str], log: Path
) -> None:
    """Does what `python -m` does with a command, in this process."""
    file = os.open(log, os.O_WRONLY | os.O_CREAT)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = list(command)
    try:
        runpy.run_module(command[0], run_name="__main__", alter_sys=True)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()

"""The processes that nodes run in: forks of one that has imported the libraries.

The command line's own process stays light: it imports no TensorFlow. A fork server
imports the heavy libraries once, when the first node has to run; every node is a fork
of it, with memory, log and death of its own.
"""

import importlib
import multiprocessing
import os
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import connection, forkserver
from pathlib import Path
from typing import Any

from pipeline.run_record import NodeFailure

NODE_MODULE = "pipeline.node_process"
DIED = "ProcessDied"
TIMED_OUT = "NodeTimedOut"
_GRACE_S = 15.0
_KILL_GRACE_S = 5.0


class ForkServerError(RuntimeError):
    """No node can be started; the text names the log that says why."""

    exit_code = 1


class NodeCall:
    """One function of pipeline.node_process at work in a process of its own."""

    def __init__(self, process: Any, receiver: Any, deadline_s: float | None) -> None:
        """Belongs to NodeProcesses.start."""
        self._process = process
        self._receiver = receiver
        self._deadline_s = deadline_s
        self._is_asked = False

    @property
    def handles(self) -> tuple[Any, ...]:
        """One of these is ready when there is an answer, or the process has died."""
        return self._receiver, self._process.sentinel

    def answer(self) -> Any:
        """Returns what the function returned; to be called when a handle is ready.

        Returns:
            Its answer; a NodeFailure if it raised, or if its process died instead.
        """
        try:
            # What it started may hold its end of the pipe when it is dead itself.
            if self._receiver.poll():
                return self._receiver.recv()
        except (EOFError, OSError):
            pass  # it died before it answered, or while it did
        finally:
            self._receiver.close()
            self._process.join()
            # What it started does not outlive it.
            _signal_group(self._process, signal.SIGKILL)
        return _death(self._process.exitcode)

    def is_late(self) -> bool:
        """Whether it has had all the time it may take."""
        return self._deadline_s is not None and time.monotonic() > self._deadline_s

    def ask_to_end(self) -> None:
        """Asks its whole process group to stop, once; does not wait.

        A second time would reach it while it writes down that it was interrupted.
        """
        if not self._is_asked:
            self._is_asked = True
            _signal_group(self._process, signal.SIGTERM)

    def end(self) -> None:
        """Asks its whole process group to stop, then insists, until it is gone."""
        self.ask_to_end()
        self._process.join(_GRACE_S)
        # What it started does not outlive it.
        _signal_group(self._process, signal.SIGKILL)
        self._process.join(_KILL_GRACE_S)
        self._receiver.close()


class NodeProcesses:
    """The fork server and the processes it makes."""

    def __init__(self, start_log: Path, module: str = NODE_MODULE) -> None:
        """Starts nothing yet.

        Args:
            start_log: Where the libraries' own start-up chatter goes.
            module: Holds the functions that are called in the forks; imported once,
                by the fork server.
        """
        self._start_log = start_log
        self._module = module
        self._context = multiprocessing.get_context("forkserver")
        self.is_started = False

    def start_server(self) -> None:
        """Starts importing the heavy libraries, in the background; once is enough."""
        if self.is_started:
            return
        self.is_started = True
        self._context.set_forkserver_preload([self._module])
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
        # Keras and TF read these once, at import.
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
        self._start_log.parent.mkdir(parents=True, exist_ok=True)
        with _quiet(self._start_log), _ignored(signal.SIGINT):
            forkserver.ensure_running()

    def start(
        self, target: str, *arguments: Any, timeout_s: float | None = None
    ) -> NodeCall:
        """Starts a function of the module in a fork.

        Args:
            target: The function's name.
            arguments: Its arguments, after the connection and this process's id.
            timeout_s: After so many seconds it is late.

        Raises:
            ForkServerError: The process that is forked has died, while it imported the
                libraries most likely.
        """
        self.start_server()
        receiver, sender = self._context.Pipe(duplex=False)
        process = self._context.Process(
            target=_call_by_name,
            args=(self._module, target, sender, os.getpid(), *arguments),
        )
        try:
            process.start()
        except (EOFError, ConnectionError) as error:
            raise ForkServerError(
                "the process that imports the libraries has died; its last words are "
                f"in {self._start_log}."
            ) from error
        sender.close()
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        return NodeCall(process, receiver, deadline_s)


def wait_for_any(calls: Iterable[NodeCall], timeout_s: float) -> list[NodeCall]:
    """Returns those calls that have an answer, or died; waits at most so long."""
    waiting = list(calls)
    ready = connection.wait(
        [handle for call in waiting for handle in call.handles], timeout_s
    )
    return [call for call in waiting if not set(ready).isdisjoint(call.handles)]


def _call_by_name(module: str, target: str, *arguments: Any) -> None:
    """Runs in the fork, where the module is imported already."""
    getattr(importlib.import_module(module), target)(*arguments)


def _death(exit_code: int | None) -> NodeFailure:
    if exit_code is not None and exit_code < 0:
        name = signal.Signals(-exit_code).name
        hint = (
            " The system may have run out of memory."
            if -exit_code == signal.SIGKILL
            else ""
        )
        return NodeFailure(kind=DIED, message=f"its process was ended by {name}.{hint}")
    return NodeFailure(
        kind=DIED, message=f"its process ended with exit code {exit_code}."
    )


def _signal_group(process: Any, number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        # It is gone, or has no group of its own yet.
        process.kill()


@contextmanager
def _ignored(number: signal.Signals) -> Iterator[None]:
    """A process started meanwhile ignores the signal; this one does so only here."""
    previous = signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(number, previous)


@contextmanager
def _quiet(log_path: Path) -> Iterator[None]:
    saved = os.dup(2)
    with log_path.open("a", encoding="utf-8") as log:
        os.dup2(log.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)

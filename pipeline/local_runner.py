"""Runs the DAG on this machine, a node at a time, each in a process of its own.

This process stays light: it imports no TensorFlow. A fork server imports the heavy
libraries once, in the background; every node is a fork of it.
"""

import fcntl
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import forkserver
from pathlib import Path
from typing import Any, Protocol

from pipeline.run_record import NodeFailure, NodeResult, RunRecord, WorkDir

# The fork server's imports and the DAG's compilation, as the progress calls them.
LOAD_STEP = "load_libraries"
_POLL_S = 0.1
_GRACE_S = 15.0


class RunListener(Protocol):
    """Is told how a run goes on; the terminal's progress is one."""

    def on_nodes(self, node_ids: list[str]) -> None:
        """The DAG is built; these nodes will run, in this order."""

    def on_start(self, node_id: str) -> None:
        """A node starts."""

    def on_tick(self) -> None:
        """Called about ten times a second while a node works."""

    def on_end(self, result: NodeResult) -> None:
        """A node ended."""


class WorkDirBusyError(RuntimeError):
    """Another run holds the work folder."""

    exit_code = 2


class RunInterruptedError(Exception):
    """Ctrl-C or SIGTERM reached the run; what is complete stays so."""


@contextmanager
def exclusive(work_dir: WorkDir) -> Iterator[None]:
    """Holds the work folder for one run.

    Raises:
        WorkDirBusyError: Another run holds it; names its process.
    """
    work_dir.path.mkdir(parents=True, exist_ok=True)
    with (work_dir.path / ".lock").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise WorkDirBusyError(
                f"another run (process {lock.read().strip() or 'unknown'}) is working "
                f"in {work_dir.path}. Wait for it, or set work_dir to another folder."
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


class NodeProcesses:
    """The fork server and the processes it makes."""

    def __init__(self, start_log: Path) -> None:
        """Starts importing the heavy libraries, in the background.

        Args:
            start_log: Where the libraries' own start-up chatter goes.
        """
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["pipeline.node_process"])
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
        # Keras and TF read these once, at import.
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
        start_log.parent.mkdir(parents=True, exist_ok=True)
        with _quiet(start_log), _ignored(signal.SIGINT):
            forkserver.ensure_running()

    def call(self, target: str, *arguments: Any, on_tick: Callable[[], None]) -> Any:
        """Runs a function of pipeline.node_process in a fork and returns its answer.

        Returns:
            What the function sent; a NodeFailure if the process died instead.

        Raises:
            RunInterruptedError: Ctrl-C or SIGTERM; the process was ended first.
        """
        receiver, sender = self._context.Pipe(duplex=False)
        process = self._context.Process(
            target=_call_by_name, args=(target, sender, os.getpid(), *arguments)
        )
        process.start()
        sender.close()
        try:
            while not receiver.poll(_POLL_S):
                on_tick()
            answer = receiver.recv()
        except EOFError:
            process.join()
            answer = _death(process.exitcode)
        except KeyboardInterrupt as error:
            _end(process)
            raise RunInterruptedError from error
        process.join()
        return answer


def _call_by_name(target: str, *arguments: Any) -> None:
    """Runs in the fork, where pipeline.node_process is imported already."""
    from pipeline import node_process

    getattr(node_process, target)(*arguments)


def _death(exit_code: int | None) -> NodeFailure:
    if exit_code is not None and exit_code < 0:
        name = signal.Signals(-exit_code).name
        hint = (
            " The system may have run out of memory."
            if -exit_code == signal.SIGKILL
            else ""
        )
        return NodeFailure(
            kind="ProcessDied", message=f"its process was ended by {name}.{hint}"
        )
    return NodeFailure(
        kind="ProcessDied", message=f"its process ended with exit code {exit_code}."
    )


def _end(process: Any) -> None:
    """Asks a node's whole process group to stop, then insists."""
    for number, wait_s in ((signal.SIGTERM, _GRACE_S), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            process.terminate()
        process.join(wait_s)
        if process.exitcode is not None:
            return


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


def run_nodes(
    record: RunRecord,
    work_dir: WorkDir,
    processes: NodeProcesses,
    inputs: Any,
    listener: RunListener,
) -> None:
    """Builds the DAG and runs its nodes in order, until one fails.

    `record.nodes` is filled and written after every node.

    Raises:
        RunInterruptedError: After the record says what is complete.
    """
    run_dir = work_dir.run_dir(record.run_id)
    pipeline_file = run_dir / "pipeline.pb"
    log_path = work_dir.log_path(record.run_id, LOAD_STEP)
    listener.on_start(LOAD_STEP)
    started = time.monotonic()
    answer = processes.call(
        "build_dag", inputs, pipeline_file, log_path, on_tick=listener.on_tick
    )
    wall_s = time.monotonic() - started
    if isinstance(answer, NodeFailure):
        failed = NodeResult(
            node_id=LOAD_STEP, state="failed", wall_s=wall_s, failure=answer
        )
        record.nodes = [failed]
        listener.on_end(failed)
        return
    listener.on_end(NodeResult(node_id=LOAD_STEP, state="done", wall_s=wall_s))
    record.nodes = [NodeResult(node_id=name, state="not run") for name in answer]
    listener.on_nodes(answer)
    for index, node_id in enumerate(answer):
        record.nodes[index] = _run_node(
            node_id,
            pipeline_file,
            work_dir.log_path(record.run_id, node_id),
            processes,
            listener,
        )
        work_dir.write(record)
        listener.on_end(record.nodes[index])
        if record.nodes[index].state == "interrupted":
            raise RunInterruptedError
        if record.nodes[index].state == "failed":
            return


def _run_node(
    node_id: str,
    pipeline_file: Path,
    log_path: Path,
    processes: NodeProcesses,
    listener: RunListener,
) -> NodeResult:
    listener.on_start(node_id)
    started = time.monotonic()
    try:
        answer = processes.call(
            "launch_node", pipeline_file, node_id, log_path, on_tick=listener.on_tick
        )
    except RunInterruptedError:
        wall_s = time.monotonic() - started
        return NodeResult(node_id=node_id, state="interrupted", wall_s=wall_s)
    if isinstance(answer, NodeFailure):
        wall_s = time.monotonic() - started
        return NodeResult(
            node_id=node_id, state="failed", wall_s=wall_s, failure=answer
        )
    result: NodeResult = answer
    return result

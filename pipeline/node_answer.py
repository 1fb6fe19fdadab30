"""How a node's process begins and ends: its log, its signals, its answer.

It belongs to the command line's process: it ends with it, and what it has done or what
went wrong goes back through a pipe.
"""

import contextlib
import logging
import os
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from pipeline.beam_engine.worker_errors import failure_in_worker
from pipeline.run_record import NodeFailure

# What a node gets to write down that it was interrupted.
_GRACE_S = 10.0


class NodeInterruptedError(Exception):
    """The run was asked to stop while this node was working."""


def answer(
    connection: Connection, run_pid: int, log_path: Path, work: Callable[[], Any]
) -> None:
    """Prepares this process, does the work, sends its outcome or failure, and exits.

    Args:
        connection: Where to.
        run_pid: The command line's process.
        log_path: What is written to stdout and stderr, by whomever, goes here.
        work: Its return value is the outcome; an exception becomes a NodeFailure.
    """
    run_handle = _die_with_run(run_pid)
    _redirect_output(log_path)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        outcome = work()
    except Exception as error:  # noqa: BLE001 - the edge of this process
        traceback.print_exc()
        outcome = describe_failure(error)
    with contextlib.suppress(BrokenPipeError):
        connection.send(outcome)
    connection.close()
    sys.stdout.flush()
    sys.stderr.flush()
    if _has_ended(run_handle):
        # Nobody else is left to end what this process has started.
        os.killpg(0, signal.SIGKILL)
    # Threads that a library left running must not keep the node alive.
    os._exit(0)


def describe_failure(error: BaseException) -> NodeFailure:
    """Returns the failure to show: the first of our own errors in the chain, if any.

    Beam and TFX wrap what a component raises; the reason is in the cause.
    """
    chain = [error]
    while (inner := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(inner)
    for link in chain:
        exit_code = getattr(link, "exit_code", None)
        if isinstance(exit_code, int):
            return NodeFailure(
                kind=type(link).__name__, message=str(link), exit_code=exit_code
            )
    in_worker = failure_in_worker(str(error))
    return in_worker or NodeFailure(kind=type(error).__name__, message=str(error))


def _interrupt(*_: object) -> None:
    raise NodeInterruptedError("the run was asked to stop")


def _die_with_run(run_pid: int) -> int:
    """Leaves no orphan: when the command line's process is gone, this one follows.

    The parent of this process is the fork server, which stays while it has children; so
    a thread waits for the command line itself.

    Returns:
        A handle of that process, readable when it has ended.
    """
    os.setpgid(0, 0)
    handle = os.pidfd_open(run_pid)
    threading.Thread(target=_follow, args=(handle,), daemon=True).start()
    return handle


def _has_ended(handle: int) -> bool:
    return bool(select.select([handle], [], [], 0)[0])


def _follow(handle: int) -> None:
    select.select([handle], [], [])
    os.killpg(0, signal.SIGTERM)
    time.sleep(_GRACE_S)
    os.killpg(0, signal.SIGKILL)


def _redirect_output(log_path: Path) -> None:
    log_path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)
    sys.stdout = os.fdopen(1, "w", buffering=1)
    sys.stderr = os.fdopen(2, "w", buffering=1)
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        force=True,
    )

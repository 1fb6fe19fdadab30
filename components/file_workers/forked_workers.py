"""Forks worker processes before TensorFlow runs, so that all cores work on files.

Beam's in-memory runner is one thread, and its own worker processes import TensorFlow
again for every stage. Workers forked here have the imports already, take one file at a
time and return what they made of it; `map_files.MapFiles` hands them their work. An
engine with workers of its own (Flink) needs none of these: the default is not to fork.
"""

import gc
import logging
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions

MAX_AUTOMATIC_WORKERS = 2
"""What --file_workers=0 takes at most: each worker's TensorFlow has about 200 MB."""

_LOGGER = logging.getLogger(__name__)


class FileWorkerOptions(PipelineOptions):
    """The option --file_workers of a Beam pipeline."""

    @classmethod
    def _add_argparse_args(cls, parser: Any) -> None:
        parser.add_argument(
            "--file_workers",
            type=int,
            default=1,
            help="Processes that work on files beside the pipeline's own. 1: none, the "
            "pipeline's process works itself. 0: as many as it may use processors, at "
            f"most {MAX_AUTOMATIC_WORKERS}.",
        )


@dataclass(frozen=True)
class ForkedWorkers:
    """Workers that wait for files."""

    executor: ProcessPoolExecutor
    num_workers: int


_current: ForkedWorkers | None = None


def current_workers() -> ForkedWorkers | None:
    """Returns this process's workers; None: it works on files itself."""
    return _current


def count_workers(options: PipelineOptions) -> int:
    """Returns how many workers the options ask for, at least 1.

    Raises:
        ValueError: --file_workers is negative.
    """
    asked: int = options.view_as(FileWorkerOptions).file_workers
    if asked < 0:
        raise ValueError(
            f"--file_workers is {asked}; give the number of processes, or 0 for one "
            f"per processor (at most {MAX_AUTOMATIC_WORKERS})."
        )
    return asked or min(len(os.sched_getaffinity(0)), MAX_AUTOMATIC_WORKERS)


@contextmanager
def forked_workers(options: PipelineOptions) -> Iterator[None]:
    """Forks the workers that the options ask for; they end with the context.

    What the workers return does not depend on their number. A worker also ends when
    this process dies, however it dies.

    Args:
        options: The pipeline's; see FileWorkerOptions.

    Raises:
        ValueError: --file_workers is negative.
    """
    global _current  # noqa: PLW0603 - a DoFn, pickled, finds its process's workers
    num_workers = count_workers(options)
    if num_workers > 1 and _tensorflow_runs():
        _LOGGER.warning(
            "TensorFlow's threads run in this process, and a fork would lack them: "
            "working on files with 1 process instead of %d.",
            num_workers,
        )
        num_workers = 1
    if num_workers == 1:
        yield
        return
    with ProcessPoolExecutor(
        num_workers,
        mp_context=get_context("fork"),
        initializer=_follow_parent,
        initargs=(os.getpid(),),
    ) as executor:
        # The first task forks all of them, now, before TensorFlow starts its threads.
        executor.submit(os.getpid).result()
        _current = ForkedWorkers(executor, num_workers)
        try:
            yield
        finally:
            _current = None
            executor.shutdown(cancel_futures=True)


def _tensorflow_runs() -> bool:
    """Says whether TensorFlow has made its context, and with it its threads."""
    if "tensorflow" not in sys.modules:
        return False
    # The public API only offers to change a setting and see whether that is refused.
    from tensorflow.python.eager import context

    current = context.context_safe()
    return current is not None and current._context_handle is not None


def _follow_parent(parent_pid: int) -> None:
    """Runs first in a worker: no orphan stays, and the parent alone handles Ctrl-C."""
    # The collector would write to, and so copy, every page shared with the parent.
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    handle = os.pidfd_open(parent_pid)
    threading.Thread(target=_end_with, args=(handle,), daemon=True).start()


def _end_with(handle: int) -> None:
    select.select([handle], [], [])
    os._exit(1)

"""Looks at a rollout in processes that are killed before one of their steps."""

import multiprocessing
import os
import signal
from pathlib import Path

from serving.rollout.control import look
from tests.serving.rollout.paper_rollout import NOON, accept
from tests.serving.versions.killed_change import Steps

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload([__name__])


def is_killed(state_dir: Path, step: int, later) -> bool:
    """Looks in a process that is killed before a step, if it comes so far."""
    process = PROCESSES.Process(target=_look, args=(state_dir, step, later))
    process.start()
    process.join(60)
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def _look(state_dir, step, later):
    steps = Steps(at=step, act=lambda: os.kill(os.getpid(), signal.SIGKILL))
    # Path.replace renames by this one.
    os.replace = steps._counting(os.replace)
    look(state_dir, NOON + later, verify=accept)

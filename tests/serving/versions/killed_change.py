"""Changes of what is served, in processes that may be killed between two steps.

The processes fork from a server of their own: TensorFlow's threads, which another test
of the session may have started, do not survive a fork of this one.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path

from serving.versions.promotion import record_push
from tests.serving.versions.paper_versions import ADA, hold, promote_to, rollback_to

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload([__name__])

# Whatever changes the disk.
_CALLS = ("rename", "write", "truncate", "fsync", "mkdir")


def nothing(_model_dir):
    pass


# Versions 1 to 4 are visible: what to do first, the change, what it shall serve.
CHANGES = {
    "rollback past two": (nothing, lambda d: rollback_to(d, 1), 1),
    "rollback by one": (nothing, rollback_to, 3),
    "promote a held newer one": (
        lambda d: rollback_to(d, 2),
        lambda d: promote_to(d, 4),
        4,
    ),
    "promote a held older one": (lambda d: hold(d, 2), lambda d: promote_to(d, 2), 2),
    "push": (
        nothing,
        lambda d: record_push(d, d / ".pushing-5", 5, author=ADA),
        5,
    ),
}


class Steps:
    """Counts the calls that change the disk; acts before one, or after each."""

    def __init__(
        self,
        replace: Callable[[object, str, object], None] = setattr,
        *,
        at: int = 0,
        act: Callable[[], None] = lambda: None,
        after_each: Callable[[], None] = lambda: None,
    ) -> None:
        self.number, self.at, self.act, self.after_each = 0, at, act, after_each
        for name in _CALLS:
            replace(os, name, self._counting(getattr(os, name)))

    def _counting(self, real):
        def call(*arguments, **keywords):
            self.number += 1
            if self.number == self.at:
                self.act()
            result = real(*arguments, **keywords)
            self.after_each()
            return result

        return call


def is_killed(model_dir: Path, change: str, step: int) -> bool:
    """Makes a change in a process that is killed before a step, if it comes so far."""
    process = PROCESSES.Process(target=_change, args=(model_dir, change, step))
    process.start()
    process.join(60)
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def _change(model_dir, change, step):
    Steps(at=step, act=lambda: os.kill(os.getpid(), signal.SIGKILL))
    CHANGES[change][1](model_dir)


def promote_in_turn(model_dir, barrier, number):
    """Promotes versions 1 to 4 in turn, beginning with another one a process."""
    barrier.wait(60)
    for turn in range(5):
        promote_to(model_dir, (number + turn) % 4 + 1)

"""Calls the functions of `run.on_exit` when a run has ended, however it ended.

Each is called in a process of its own with the run's record: it can neither change the
run nor take it down, and it is ended when it takes too long. A run that was killed
cannot call anything: the next run in its work folder does it in its place.

    python -m pipeline.exit_handlers DOTTED.PATH WORK_DIR RUN_ID
"""

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.run_record import WorkDir

LOG_NAME = "on_exit"


def call_exit_handlers(
    work_dir: WorkDir, run_id: str, handlers: Sequence[str], timeout_s: float
) -> list[str]:
    """Calls each function once, in order; the next one is called whatever happens.

    Args:
        work_dir: Its run.json is complete.
        run_id: The run that ended.
        handlers: Dotted paths of functions of one RunRecord.
        timeout_s: Seconds each may take.

    Returns:
        What went wrong, a sentence for each function; their output and traces are in
        the log `on_exit`.
    """
    log_path = work_dir.log_path(run_id, LOG_NAME)
    problems = [
        _call(handler, work_dir, run_id, timeout_s, log_path) for handler in handlers
    ]
    return [problem for problem in problems if problem]


def _call(
    handler: str, work_dir: WorkDir, run_id: str, timeout_s: float, log_path: Path
) -> str | None:
    log_path.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", __name__, handler, str(work_dir.path), run_id]
    with log_path.open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own module
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            code = process.wait(timeout_s)
        except (subprocess.TimeoutExpired, KeyboardInterrupt) as error:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if isinstance(error, KeyboardInterrupt):
                return f"{handler} was ended by Ctrl-C."
            return (
                f"{handler} took longer than run.on_exit_timeout_s = {timeout_s:g} s "
                "and was ended."
            )
    if code == 0:
        return None
    return (
        f"{handler} failed with exit code {code}; slipway show {run_id} "
        f"--log {LOG_NAME} has its output."
    )


def main(handler: str, work_dir: str, run_id: str) -> None:
    """Calls one function with the record of a run."""
    module, _, name = handler.rpartition(".")
    function = getattr(importlib.import_module(module), name)
    function(WorkDir(Path(work_dir)).read(run_id))


if __name__ == "__main__":
    main(*sys.argv[1:])

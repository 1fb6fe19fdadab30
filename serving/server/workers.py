"""Several server processes at the same ports, watched over by this one.

Each is a whole server of its own with SO_REUSEPORT: the system spreads connections. One
that dies is started again, the later the more often it did; a signal ends all. What
they count is kept in a private folder (metrics_file.py) as long as this process lives.
"""

import logging
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_LOG = logging.getLogger(__name__)
_TICK_S = 0.1
_LONGEST_PAUSE_S = 30.0
# A process that lived this long did not die of how it was started.
_STEADY_S = 60.0
_KILL_AFTER_S = 5.0
CONFIGURATION_EXIT_CODE = 2
# In memory, so that no request waits for a disk.
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it


@dataclass(kw_only=True)
class _Worker:
    number: int
    process: subprocess.Popen[bytes]
    started_s: float
    pause_s: float = 1.0
    restart_s: float | None = None


class Supervisor:
    """Runs workers until it is told to stop."""

    def __init__(
        self, command: Sequence[str], num_workers: int, drain_s: float
    ) -> None:
        """Prepares; nothing runs yet.

        Args:
            command: What starts a worker; --supervisor_pid and --metrics_file are
                added.
            num_workers: How many processes.
            drain_s: How long they may answer what runs when they are to stop.
        """
        self._command = [*command, f"--supervisor_pid={os.getpid()}"]
        self._num_workers = num_workers
        self._drain_s = drain_s
        self._is_stopping = False

    def run(self) -> int:
        """Returns the exit code: 0 after a signal; a worker's that cannot start."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        in_memory = os.access(_SHARED_MEMORY, os.W_OK | os.X_OK)
        with tempfile.TemporaryDirectory(
            prefix="slipway-metrics-", dir=_SHARED_MEMORY if in_memory else None
        ) as metrics_dir:
            self._metrics_dir = Path(metrics_dir)
            return self._run_workers()

    def _run_workers(self) -> int:
        workers = [self._start(number) for number in range(self._num_workers)]
        exit_code = 0
        while not self._is_stopping and exit_code == 0:
            time.sleep(_TICK_S)
            for worker in workers:
                exit_code = exit_code or self._look_after(worker)
        self._stop(workers)
        return exit_code

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._is_stopping = True

    def _start(self, number: int) -> _Worker:
        # The signal of a terminal goes to the whole group; workers hear of it from
        # here alone.
        metrics_file = self._metrics_dir / f"{number}.json"
        process = subprocess.Popen(  # noqa: S603 - our own command line
            [*self._command, f"--metrics_file={metrics_file}"], start_new_session=True
        )
        _LOG.info("worker %d is process %d", number, process.pid)
        return _Worker(number=number, process=process, started_s=time.monotonic())

    def _look_after(self, worker: _Worker) -> int:
        """Starts a dead worker again; returns the exit code that ends all, or 0."""
        code = worker.process.poll()
        now_s = time.monotonic()
        if code is None:
            return 0
        if code == CONFIGURATION_EXIT_CODE:
            return code
        if worker.restart_s is None:
            if now_s - worker.started_s > _STEADY_S:
                worker.pause_s = 1.0
            worker.restart_s = now_s + worker.pause_s
            _LOG.error(
                "worker %d ended with %d; started again in %g s",
                worker.number,
                code,
                worker.pause_s,
            )
        elif now_s >= worker.restart_s:
            again = self._start(worker.number)
            worker.process, worker.started_s = again.process, again.started_s
            worker.pause_s = min(2 * worker.pause_s, _LONGEST_PAUSE_S)
            worker.restart_s = None
        return 0

    def _stop(self, workers: Sequence[_Worker]) -> None:
        for worker in workers:
            if worker.process.poll() is None:
                worker.process.send_signal(signal.SIGTERM)
        end_s = time.monotonic() + self._drain_s + _KILL_AFTER_S
        for worker in workers:
            try:
                worker.process.wait(max(0.1, end_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                _LOG.error("worker %d does not end; it is killed", worker.number)
                worker.process.kill()
                worker.process.wait()

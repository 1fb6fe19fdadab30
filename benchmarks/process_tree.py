"""What a command costs with all the processes it starts: wall, CPU and peak memory.

    python -m benchmarks.process_tree RESULT.json COMMAND [ARGUMENT …]

Runs the command, writes a TreeUsage as JSON and exits as the command did. It is a
process of its own, because it adopts what the command orphans (and so counts its CPU
time): nobody else's children may be among them.
"""

import ctypes
import dataclasses
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

SAMPLE_S, MAX_SAMPLE_S = 0.1, 0.5
MAX_SAMPLING_FRACTION = 0.05
"""Reading PSS walks page tables; above this share of the time it is done less often,
though not less often than every MAX_SAMPLE_S seconds."""

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_KIB = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class TreeUsage:
    """What a command and its descendants used.

    Attributes:
        returncode: Of the command; minus the signal's number if one ended it.
        wall_s: Seconds from its start to its end.
        cpu_s: User and system time of all processes, seconds.
        peak_bytes: Largest sum of PSS (proportional set size: a page that n processes
            share counts 1/n in each) at one moment. A peak shorter than `interval_s`
            may be missed.
        num_samples: Moments at which memory was read.
        interval_s: Mean seconds between two of them.
        num_processes: Most processes at one moment, threads not counted.
    """

    returncode: int
    wall_s: float
    cpu_s: float
    peak_bytes: int
    num_samples: int
    interval_s: float
    num_processes: int


class MemorySampler(threading.Thread):
    """Reads the memory of this process's descendants until stopped."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak_bytes = 0
        self.num_samples = 0
        self.num_processes = 0
        self._is_over = threading.Event()

    def run(self) -> None:
        """Samples; waits longer where a reading takes long."""
        pause_s = 0.0
        while not self._is_over.wait(pause_s):
            started_s = time.monotonic()
            tree = descendants(os.getpid())
            self.peak_bytes = max(self.peak_bytes, sum(map(pss_bytes, tree)))
            self.num_processes = max(self.num_processes, len(tree))
            self.num_samples += 1
            taken_s = time.monotonic() - started_s
            wanted_s = taken_s / MAX_SAMPLING_FRACTION
            pause_s = min(max(SAMPLE_S, wanted_s), MAX_SAMPLE_S)

    def stop(self) -> None:
        """Ends the thread."""
        self._is_over.set()
        self.join()


def descendants(pid: int) -> list[int]:
    """Returns the processes that a process started, and those that they started.

    Source:
        Field 4 (ppid) of /proc/PID/stat, counted from behind the name, which may hold
        spaces and brackets; proc(5).
    """
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - a tenth of glob's time
        if name.isdecimal():
            parent = _parent(name)
            children.setdefault(parent, []).append(int(name))
    found = list(children.get(pid, []))
    for process in found:
        found += children.get(process, [])
    return found


def _parent(pid: str) -> int:
    """Returns a process's parent; 0, which nobody is, if it has ended."""
    try:
        with Path(f"/proc/{pid}/stat").open("rb", buffering=0) as file:
            text = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(text.rpartition(b")")[2].split()[1])


def pss_bytes(pid: int) -> int:
    """Returns a process's proportional set size; 0 if it has ended or is a zombie.

    Source:
        Pss (KiB) of /proc/PID/smaps_rollup; proc(5).
    """
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    for line in lines.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * _KIB
    return 0


def measure(command: Iterable[str]) -> TreeUsage:
    """Runs a command to its end and says what it and its descendants used.

    Only for a process without other children: it waits for every child it has, also
    for those it inherits. What the command leaves running is ended.
    """
    _adopt_orphans()
    before_s = _children_cpu_s()
    sampler = MemorySampler()
    started_s = time.monotonic()
    try:
        process = subprocess.Popen(list(command))  # noqa: S603 - the caller's command
        sampler.start()
        returncode = process.wait()
        wall_s = time.monotonic() - started_s
        sampler.stop()
    finally:
        _end_orphans()
    return TreeUsage(
        returncode=returncode,
        wall_s=wall_s,
        cpu_s=_children_cpu_s() - before_s,
        peak_bytes=sampler.peak_bytes,
        num_samples=sampler.num_samples,
        interval_s=wall_s / max(sampler.num_samples, 1),
        num_processes=sampler.num_processes,
    )


def _adopt_orphans() -> None:
    """Makes this process the parent of whatever its descendants orphan.

    It is sent SIGTERM itself when its parent ends, so that nothing stays behind.

    Source:
        PR_SET_CHILD_SUBREAPER and PR_SET_PDEATHSIG of prctl(2).
    """
    libc = ctypes.CDLL(None, use_errno=True)
    for option, value in (
        (_PR_SET_CHILD_SUBREAPER, 1),
        (_PR_SET_PDEATHSIG, signal.SIGTERM),
    ):
        if libc.prctl(option, value, 0, 0, 0) != 0:
            error = ctypes.get_errno()
            raise OSError(error, f"prctl({option}): {os.strerror(error)}")


def _end_orphans() -> None:
    """Ends what outlived the command and waits for it, so that its CPU time counts."""
    while True:
        for pid in descendants(os.getpid()):
            os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> int:
    """Measures the command of the command line; returns its exit code."""
    result, *command = sys.argv[1:]
    # As Ctrl-C: the command and all it started are ended with this process.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    usage = measure(command)
    Path(result).write_text(json.dumps(dataclasses.asdict(usage)), encoding="utf-8")
    return usage.returncode if usage.returncode >= 0 else 128 - usage.returncode


if __name__ == "__main__":
    sys.exit(main())

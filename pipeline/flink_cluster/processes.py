"""The processes of the cluster, kept in a file: who they are and whether they live.

    {folder}/processes.json    a list of {"role", "pid", "started"}

Each leads a process group of its own, so that its children end with it.
"""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

_POLL_S = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterProcess:
    """One process of the cluster.

    Attributes:
        role: Such as "jobmanager" or "taskmanager-0"; names its log.
        pid: Its process id.
        started: Clock ticks since boot at which it started: with the id, this names a
            process for good.
    """

    role: str
    pid: int
    started: int

    def is_alive(self) -> bool:
        """Whether this very process still runs."""
        return _start_time(self.pid) == self.started

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Sends a signal to it and its children, if it still runs."""
        if self.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)


def start(
    role: str, command: Sequence[str], folder: Path, environment: dict[str, str]
) -> ClusterProcess:
    """Starts one process; what it prints goes to {folder}/logs/{role}.log."""
    logs = folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    with (logs / f"{role}.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
    started = _start_time(process.pid)
    return ClusterProcess(role=role, pid=process.pid, started=started or -1)


def stop_all(processes: Sequence[ClusterProcess], grace_s: float = 10.0) -> None:
    """Ends processes: asks all, waits, then kills those that stay."""
    for process in processes:
        process.kill(signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while any(each.is_alive() for each in processes) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    for process in processes:
        process.kill()
    while any(each.is_alive() for each in processes):
        time.sleep(_POLL_S)


def read_processes(folder: Path) -> list[ClusterProcess]:
    """Returns the processes of a cluster; none where there never was one."""
    path = folder / "processes.json"
    if not path.exists():
        return []
    return [ClusterProcess(**each) for each in json.loads(path.read_bytes())]


def write_processes(folder: Path, processes: Sequence[ClusterProcess]) -> None:
    """Writes them down, whole or not at all."""
    beside = folder / ".processes.json"
    beside.write_text(json.dumps([asdict(each) for each in processes], indent=1))
    beside.rename(folder / "processes.json")


def _start_time(pid: int) -> int | None:
    """Returns when a process started, None if it has ended; proc(5), stat."""
    try:
        content = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name, in brackets, may hold blanks.
    state, *fields = content.rpartition(")")[2].split()
    return None if state == "Z" else int(fields[18])

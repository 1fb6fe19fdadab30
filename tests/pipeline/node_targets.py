"""What nodes do in tests of their processes; imported by the fork server, no TFX."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from pipeline.node_answer import answer
from pipeline.run_record import NodeResult


class AnomalyError(RuntimeError):
    exit_code = 3


def launch_node(connection, run_pid, node_id, log_path, folder):
    """Does what the part of `node_id` before the dash names."""
    work = globals()[f"_{node_id.partition('-')[0]}"]
    answer(connection, run_pid, log_path, lambda: work(node_id, folder))


def count(connection, run_pid, log_path, number):
    """A function beside launch_node."""
    answer(connection, run_pid, log_path, lambda: number + 1)


def _attempt(folder) -> int:
    """Counts the attempts, by files."""
    number = len(list(folder.glob("attempt-*"))) + 1
    (folder / f"attempt-{number}").touch()
    return number


def _well(node_id, _folder):
    sys.stdout.write("all is well\n")
    return NodeResult(node_id=node_id, state="done", peak_memory_bytes=5)


def _second(node_id, folder):
    """Fails once."""
    if _attempt(folder) == 1:
        raise OSError("the network is gone")
    return _well(node_id, folder)


def _fails(_node_id, folder):
    _attempt(folder)
    raise OSError("the network is gone")


def _anomaly(_node_id, folder):
    _attempt(folder)
    raise ValueError("wrapped") from AnomalyError("7 values are new")


def _killed(_node_id, folder):
    """Dies as for want of memory; a process of its own lives on."""
    _attempt(folder)
    _leave_child(folder)
    os.kill(os.getpid(), signal.SIGKILL)


def _slow(_node_id, folder):
    """Never ends, nor does its child, which does not listen."""
    _attempt(folder)
    _leave_child(folder)
    time.sleep(600)


def _deaf(_node_id, folder):
    """Works in C++, where no signal reaches Python; ends itself when told to late."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    (folder / "node").write_text(str(os.getpid()))
    time.sleep(600)


def _leave_child(folder: Path) -> None:
    """Forks a process that holds every pipe of this one and ignores SIGTERM."""
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)
        os._exit(0)
    (folder / "node").write_text(str(os.getpid()))
    (folder / "child").write_text(str(pid))


def _leaves(node_id, folder):
    """Ends well, but forgets what it started."""
    _leave_child(folder)
    return _well(node_id, folder)


def _shell(node_id, folder):
    """Its children write to its log too."""
    subprocess.run(["/bin/sh", "-c", "echo from a child; echo error >&2"], check=True)
    return _well(node_id, folder)

"""Becomes another program that gets a signal when its parent dies.

    python -I -S tied_process.py PARENT_PID SIGNAL_NUMBER PROGRAM ARGUMENT…

A server that outlives whoever tries it would keep its ports and half a gigabyte for
good, and a parent that is killed cannot end it. Linux does: the signal stays set over
exec, so the process id is the program's own. It comes when the thread that started the
program ends, so start it from one that lives as long.

Runs as a script and imports nothing of this package: it costs 30 ms.
Source: prctl(2), PR_SET_PDEATHSIG.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1
CANNOT_START = 126


def tied(command: Sequence[str], number: signal.Signals) -> list[str]:
    """Returns the command that runs another one tied to this process.

    Args:
        command: An absolute path and arguments.
        number: What it gets when this process dies.
    """
    script = (sys.executable, "-I", "-S", __file__, str(os.getpid()), str(int(number)))
    return [*script, *command]


def main(arguments: Sequence[str]) -> int:
    """Returns only if the program cannot be started: what to exit with."""
    parent_pid, number, *command = arguments
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0) != 0:
        sys.stderr.write(f"prctl: {os.strerror(ctypes.get_errno())}\n")
        return CANNOT_START
    if os.getppid() != int(parent_pid):  # it died before the line above
        return CANNOT_START
    try:
        os.execv(command[0], command)  # noqa: S606 - that is its purpose
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be started: {error.strerror}\n")
    return CANNOT_START


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

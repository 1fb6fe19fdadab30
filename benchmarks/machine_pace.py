"""How fast the machine is at the moment: shared ones change by the minute."""

import time

_TURNS = 1_000_000
_TRIES = 3


def turn_ns() -> float:
    """Returns what a turn of a Python loop that does nothing takes, nanoseconds.

    The shortest of three loops of a million turns each, about 0.1 s in all.
    """
    found = []
    for _ in range(_TRIES):
        started = time.perf_counter_ns()
        for _ in range(_TURNS):
            pass
        found.append(time.perf_counter_ns() - started)
    return min(found) / _TURNS

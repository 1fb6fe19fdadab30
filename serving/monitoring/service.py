"""Repeats passes until it is asked to stop; a pass that fails does not end it."""

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_LOG = logging.getLogger(__name__)


def run_service(
    run_pass: Callable[[], object], every_s: float, stop: threading.Event
) -> None:
    """Runs a pass, waits, runs the next.

    Passes start `every_s` seconds apart; one that takes longer delays the next, and
    none are made up for. A failure is logged with its trace, and the next pass tries
    again.

    Args:
        run_pass: Does one pass.
        every_s: Seconds, above 0.
        stop: Ends it: at once while it waits, after the pass while it works.
    """
    while not stop.is_set():
        started = time.monotonic()
        try:
            run_pass()
        except Exception:  # noqa: BLE001 - logged; the next pass may find better luck
            _LOG.exception("this pass failed; the next comes in %g s", every_s)
        stop.wait(max(0.0, started + every_s - time.monotonic()))


@contextmanager
def stopping_on_signals() -> Iterator[threading.Event]:
    """Gives an event that SIGTERM and SIGINT set.

    A second one ends the process as if nobody caught it: files are renamed into place,
    so that it may come at any moment.
    """
    stop = threading.Event()

    def ask(number: int, _: FrameType | None) -> None:
        if stop.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stop.set()

    before = {
        number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""Reads the next batches in a thread while the model answers the last one."""

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass

_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class _End:
    """Follows the last item; carries what the thread failed with, if it did."""

    error: BaseException | None


def read_ahead[T](items: Iterator[T], depth: int = 2) -> Iterator[T]:
    """Yields the items, up to depth of them taken in advance by a thread.

    An error of the items is raised here, after those before it. Closing the iterator
    ends the thread.
    """
    waiting: queue.Queue[T | _End] = queue.Queue(maxsize=depth)
    stopped = threading.Event()
    thread = threading.Thread(
        target=_fill, args=(waiting, items, stopped), name="read_ahead", daemon=True
    )
    thread.start()
    try:
        while not isinstance(item := waiting.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stopped.set()
        thread.join()


def _fill[T](
    waiting: "queue.Queue[T | _End]", items: Iterator[T], stopped: threading.Event
) -> None:
    """Puts the items into a queue, then the end."""
    error: BaseException | None = None
    try:
        for item in items:
            if not _put(waiting, item, stopped):
                return
    except BaseException as caught:  # noqa: BLE001 - raised in the other thread
        error = caught
    _put(waiting, _End(error), stopped)


def _put[T](
    waiting: "queue.Queue[T | _End]", item: T | _End, stopped: threading.Event
) -> bool:
    """Waits for room; returns whether the item went in before anybody stopped it."""
    while not stopped.is_set():
        try:
            waiting.put(item, timeout=_POLL_S)
        except queue.Full:
            continue
        return True
    return False

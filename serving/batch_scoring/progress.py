"""Tells how far a scoring is, by looking at the output folder.

The folder is all that the workers of every engine share with the process that waits for
them.
"""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from serving.batch_scoring.part_files import PARTS

_POLL_S = 0.3


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far it is.

    Attributes:
        stage: What is being done, in words.
        num_parts: Parts to score; 0 before that is known.
        num_done: Parts that are committed.
        num_rows: Rows in those.
    """

    stage: str
    num_parts: int = 0
    num_done: int = 0
    num_rows: int = 0


OnProgress = Callable[[Progress], None]


def ignore_progress(_: Progress) -> None:
    """Shows nothing."""


@contextmanager
def watch_parts(
    output: Path, names: Sequence[str], on_progress: OnProgress
) -> Iterator[None]:
    """Calls on_progress from a thread while parts are scored, and once at the end.

    Args:
        output: The output folder.
        names: Of the parts.
        on_progress: What to call.
    """
    stopped = threading.Event()
    rows: dict[str, int] = {}

    def look() -> None:
        for name in names:
            if name not in rows:
                path = output / PARTS / f"{name}.json"
                if path.exists():
                    rows[name] = json.loads(path.read_bytes())["num_rows"]
        on_progress(
            Progress(
                stage="scoring",
                num_parts=len(names),
                num_done=len(rows),
                num_rows=sum(rows.values()),
            )
        )

    def watch() -> None:
        while not stopped.wait(_POLL_S):
            look()

    thread = threading.Thread(target=watch, name="watch_parts", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
        look()

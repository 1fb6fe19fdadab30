"""Writes the prediction log of a server that has started it; see log_process.

    python -m serving.prediction_log.log_writer_process ROWS_FD CALLS_FD

It ends when the server does, or closes the log, and writes what it has before. Signals
that a terminal or a supervisor sends to all processes do not end it.
"""

import contextlib
import logging
import os
import signal
import sys
import time
from multiprocessing.connection import Connection
from typing import Any

from serving.prediction_log.log_counters import LogCounters
from serving.prediction_log.log_files import LogFiles
from serving.prediction_log.log_pipe import (
    MOST_MODELS,
    Counted,
    KnownModel,
    Settings,
    TransformCall,
    Transformed,
    receive,
    send,
)
from serving.prediction_log.logged_request import Columns, LoggedModel
from serving.prediction_log.row_queue import RowQueue

_NICENESS = 5
"""Where the cores do not suffice, answering comes before logging."""


def main() -> int:
    """Writes until the server ends; returns 0."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.nice(_NICENESS)
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname).1s %(process)d %(message)s",
    )
    rows, calls = (Connection(int(number)) for number in sys.argv[1:])
    with rows, contextlib.suppress(EOFError, OSError):
        settings: Settings = receive(rows)
        _LogWriter(settings, _Server(calls)).run(rows)
    return 0


class _Server:
    """What the server is told, and asked; it may be gone."""

    def __init__(self, calls: Connection) -> None:
        self._calls = calls

    def on_counted(self, model: str, outcome: str, rows: int) -> None:
        with contextlib.suppress(OSError):
            send(self._calls, Counted(model, outcome, rows))

    def transformed(self, number: int, examples: list[bytes]) -> Columns:
        try:
            send(self._calls, TransformCall(number, examples))
            answer: Transformed = receive(self._calls)
        except (EOFError, OSError):
            return {}
        return answer.columns


class _LogWriter:
    """Reads what comes, and writes it."""

    def __init__(self, settings: Settings, server: _Server) -> None:
        self._server = server
        self._counters = LogCounters(self._on_rows)
        writer_id = os.urandom(6).hex()
        self._files = LogFiles(settings.config, writer_id, self._counters)
        # Whoever sends waits while this process is busy: the buffer is the server's.
        self._queue = RowQueue(float("inf"))
        self._models: dict[int, LoggedModel] = {}
        self._counts_for_server = True

    def run(self, rows: Connection) -> None:
        """Goes on until the pipe ends."""
        is_last = False
        while not is_last:
            try:
                self._read(rows)
            except (EOFError, OSError):
                is_last = True
            self._files.turn(self._queue, is_last=is_last)

    def _read(self, rows: Connection) -> None:
        """Takes what comes, until it is time for a turn."""
        end_s = time.monotonic() + self._files.tick_s
        while self._queue.rows < self._files.chunk_rows:
            left_s = end_s - time.monotonic()
            if left_s <= 0 or not rows.poll(left_s):
                return
            self._take(receive(rows))

    def _take(self, message: Any) -> None:
        if isinstance(message, KnownModel):
            self._know(message)
        elif isinstance(message, Counted):
            self._on_known(message)
        else:
            for number, batch in zip(message.numbers, message.batches, strict=True):
                batch.model = self._models[number]
                self._queue.put(batch, sum(batch.sizes))

    def _know(self, known: KnownModel) -> None:
        if len(self._models) >= MOST_MODELS:
            del self._models[next(iter(self._models))]

        def transform(examples: list[bytes]) -> Columns:
            return self._server.transformed(known.number, examples)

        self._models[known.number] = LoggedModel(
            name=known.name,
            version=known.version,
            bundle_digest=known.bundle_digest,
            contract=known.contract,
            transform=transform if known.has_transform else None,
        )

    def _on_known(self, counted: Counted) -> None:
        """Counts what the server has counted already."""
        self._counts_for_server = False
        self._counters.add(counted.model, counted.outcome, counted.rows)
        self._counts_for_server = True

    def _on_rows(self, model: str, outcome: str, rows: int) -> None:
        if self._counts_for_server:
            self._server.on_counted(model, outcome, rows)


if __name__ == "__main__":
    sys.exit(main())

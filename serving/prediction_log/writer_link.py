"""The server's end of the pipes to the process that writes its log; see log_pipe."""

import contextlib
import fcntl
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from multiprocessing import Pipe
from pathlib import Path

import serving
from serving.prediction_log.log_config import LogConfig
from serving.prediction_log.log_counters import LogCounters
from serving.prediction_log.log_pipe import (
    MOST_MODELS,
    Counted,
    KnownModel,
    Message,
    Rows,
    Settings,
    TransformCall,
    Transformed,
    receive,
    send,
)
from serving.prediction_log.logged_request import Columns, LoggedBatch, LoggedModel

_LOG = logging.getLogger(__name__)
_PIPE_BYTES = 1 << 20
"""A message fits: writing it does not wait for the reader every 64 kB, and take
Python's lock again each time."""


def _python_path() -> str:
    """Returns a path on which the other process finds this very program."""
    own = str(Path(serving.__file__).parents[1])
    given = os.environ.get("PYTHONPATH")
    return f"{own}{os.pathsep}{given}" if given else own


class WriterLink:
    """One process that writes, and what it still holds."""

    def __init__(self, config: LogConfig, counters: LogCounters) -> None:
        """Starts it.

        Args:
            config: How it writes.
            counters: Hear of what it counts.

        Raises:
            OSError: It cannot be started.
        """
        rows_end, self._rows = Pipe(duplex=False)
        self._calls, calls_end = Pipe()
        with contextlib.suppress(OSError):  # a user's pipes have a limit
            fcntl.fcntl(rows_end, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        ends = (rows_end.fileno(), calls_end.fileno())
        with rows_end, calls_end:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [
                    sys.executable,
                    "-P",  # not what lies in the working directory
                    "-m",
                    "serving.prediction_log.log_writer_process",
                    *map(str, ends),
                ],
                env={**os.environ, "PYTHONPATH": _python_path()},
                pass_fds=ends,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._counters = counters
        self._lock = threading.Lock()
        self._held: dict[str, int] = {}
        self._models: dict[int, tuple[int, LoggedModel]] = {}
        self._num_models = 0
        self._listener = threading.Thread(
            target=self._listen, name="prediction-log-calls", daemon=True
        )
        self._listener.start()
        with contextlib.suppress(OSError):  # it has ended; `has_ended` tells
            self.tell(Settings(config))

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.returncode

    @property
    def has_ended(self) -> bool:
        """Whether it runs no more."""
        return self._process.poll() is not None

    @property
    def held_rows(self) -> int:
        """Rows that it was handed and that are not on the disk."""
        with self._lock:
            return sum(self._held.values())

    def tell(self, message: Message) -> None:
        """Sends a message; waits while the writer is busy.

        Raises:
            OSError: It has ended.
        """
        send(self._rows, message)

    def hand_on(self, batches: Sequence[LoggedBatch]) -> None:
        """Sends batches; what they hold is the writer's from now on.

        Raises:
            OSError: It has ended; the rows are lost with it.
            Exception: A value cannot be sent; nothing was.
        """
        self._hold(batches, 1)
        try:
            numbers = [self._number(batch.model) for batch in batches]
            self.tell(Rows(numbers, list(batches)))
        except OSError:
            raise
        except Exception:
            self._hold(batches, -1)
            raise

    def finish(self) -> None:
        """Lets the writer write what it has, and end."""
        self._rows.close()

    def ended_within(self, limit_s: float) -> bool:
        """Waits for the end of the process."""
        try:
            self._process.wait(limit_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def lost(self) -> dict[str, int]:
        """Returns the rows, by model, that a writer held which has ended."""
        self._listener.join()  # what it counted before its end
        self._rows.close()
        with self._lock:
            held, self._held = self._held, {}
        return {model: rows for model, rows in held.items() if rows}

    def _hold(self, batches: Sequence[LoggedBatch], sign: int) -> None:
        with self._lock:
            for batch in batches:
                name = batch.model.name
                self._held[name] = self._held.get(name, 0) + sign * sum(batch.sizes)

    def _number(self, model: LoggedModel) -> int:
        known = self._models.get(id(model))
        if known is not None:
            return known[0]
        if len(self._models) >= MOST_MODELS:
            del self._models[next(iter(self._models))]
        self._num_models += 1
        # Kept alive beside its number, so that no other gets the id.
        self._models[id(model)] = (self._num_models, model)
        self.tell(
            KnownModel(
                number=self._num_models,
                name=model.name,
                version=model.version,
                bundle_digest=model.bundle_digest,
                contract=model.contract,
                has_transform=model.transform is not None,
            )
        )
        return self._num_models

    def _listen(self) -> None:
        with self._calls:
            while True:
                try:
                    message = receive(self._calls)
                    if isinstance(message, TransformCall):
                        columns = self._transformed(message)
                        send(self._calls, Transformed(columns))
                    else:
                        self._on_counted(message)
                except (EOFError, OSError):
                    return

    def _on_counted(self, counted: Counted) -> None:
        self._counters.add(counted.model, counted.outcome, counted.rows)
        with self._lock:
            self._held[counted.model] -= counted.rows

    def _transformed(self, call: TransformCall) -> Columns:
        for number, model in list(self._models.values()):
            if number == call.number and model.transform is not None:
                try:
                    found = model.transform(call.examples)
                except Exception:  # noqa: BLE001 - the rows are logged without it
                    _LOG.exception(
                        "transform_features of %s %d failed", model.name, model.version
                    )
                    return {}
                return dict(found)
        return {}

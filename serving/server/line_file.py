"""A file of lines that several processes append to and nobody waits for.

Lines wait in memory for at most half a second; a thread writes them. Where the file
cannot be written, or not as fast as lines come, they are left out: the log says so once
an outage, and how many are missing once it is over.

Every write is of whole lines and at the file's end (O_APPEND), so lines of several
processes never run into each other. Before each the path is looked at: where it names
another file by now, or none, that one is opened. So a file may be moved away at any
time and no signal is needed, which some of the processes might get before they are
ready for it.

Source: open(2) for O_APPEND; pipe(7) for writes of at most PIPE_BUF bytes.
"""

import contextlib
import logging
import os
import select
import stat
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

_LOG = logging.getLogger(__name__)
STANDARD_OUTPUT = Path("-")
PIPE_LINE_BYTES = select.PIPE_BUF
"""The longest line that is surely whole where several processes write to one pipe."""

_FLUSH_S = 0.5
_FLUSH_BYTES = 256 << 10
_MAX_WAITING_BYTES = 16 << 20
_CLOSE_S = 5.0
_STDOUT_FD = 1


class LineFile:
    """Appends lines; `add` never waits and never raises."""

    def __init__(self, path: Path) -> None:
        """Opens the file, and makes it if it is not there.

        Args:
            path: STANDARD_OUTPUT for that, whatever it is.

        Raises:
            OSError: It cannot be opened.
        """
        self._path = path
        self._file = self._open()
        self._lock = threading.Lock()
        self._wakes = threading.Event()
        self._lines: list[bytes] = []
        self._waiting_bytes = 0
        self._num_unwritten = self._num_lost = 0
        self._is_failing = self._is_torn = self._is_closing = False
        self._thread: threading.Thread | None = None

    def add(self, line: bytes) -> None:
        r"""Takes a line.

        Args:
            line: With its "\n", at most PIPE_LINE_BYTES.
        """
        with self._lock:
            if self._is_closing:
                return
            has_room = self._waiting_bytes + len(line) <= _MAX_WAITING_BYTES
            if has_room:
                self._lines.append(line)
                self._waiting_bytes += len(line)
            if self._waiting_bytes >= _FLUSH_BYTES:
                self._wakes.set()
            if self._thread is None:
                self._start()
        if not has_room:
            self._lose(1, "it takes lines more slowly than they come")

    def close(self) -> None:
        """Writes what waits, for at most five seconds, and closes the file."""
        with self._lock:
            if self._is_closing:
                return
            self._is_closing = True
        self._wakes.set()
        if self._thread is not None:
            self._thread.join(_CLOSE_S)
            if self._thread.is_alive():
                _LOG.error("%s is not done being written; it is left.", self._path)
                return
        with contextlib.suppress(OSError):
            os.close(self._file)

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="lines", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            self._wakes.wait(_FLUSH_S)
            self._wakes.clear()
            with self._lock:
                lines, self._lines, self._waiting_bytes = self._lines, [], 0
                is_last = self._is_closing
            if lines:
                self._write(lines)

    def _write(self, lines: Sequence[bytes]) -> None:
        self._num_unwritten = len(lines)
        try:
            self._follow_path()
            for data in self._portions(lines):
                self._write_whole(data)
        except OSError as error:
            self._lose(self._num_unwritten, error.strerror or str(error))
        else:
            self._on_success()

    def _open(self) -> int:
        if self._path == STANDARD_OUTPUT:
            return os.dup(_STDOUT_FD)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        return os.open(self._path, flags, 0o666)

    def _follow_path(self) -> None:
        if self._path == STANDARD_OUTPUT:
            return
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(self._path.stat(), os.fstat(self._file)):
                return
        moved, self._file = self._file, self._open()
        self._is_torn = False
        os.close(moved)

    def _portions(self, lines: Sequence[bytes]) -> Iterator[bytes]:
        """Yields what may go in one write."""
        if not stat.S_ISFIFO(os.fstat(self._file).st_mode):
            yield b"".join(lines)
            return
        first = size = 0
        for place, line in enumerate(lines):
            if size + len(line) > PIPE_LINE_BYTES and size:
                yield b"".join(lines[first:place])
                first, size = place, 0
            size += len(line)
        yield b"".join(lines[first:])

    def _write_whole(self, data: bytes) -> None:
        if self._is_torn:  # a full disk took the beginning of a line
            os.write(self._file, b"\n")
            self._is_torn = False
        while data:
            size = os.write(self._file, data)
            self._num_unwritten -= data.count(b"\n", 0, size)
            self._is_torn = not data.endswith(b"\n", 0, size)
            data = data[size:]

    def _lose(self, num_lines: int, reason: str) -> None:
        with self._lock:
            self._num_lost += num_lines
            is_known, self._is_failing = self._is_failing, True
        if not is_known:
            _LOG.error(
                "%s cannot be written: %s. Lines are left out until it can.",
                self._path,
                reason,
            )

    def _on_success(self) -> None:
        with self._lock:
            num_lost, self._num_lost = self._num_lost, 0
            self._is_failing = False
        if num_lost:
            _LOG.warning(
                "%s is written again; %d lines are missing.", self._path, num_lost
            )

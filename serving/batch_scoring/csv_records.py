"""Cuts a CSV file into byte ranges that begin and end between records.

RFC 4180: a newline inside quotation marks belongs to the value. Whether a newline is
inside can only be told from all quotation marks before it, so the file is read once
from its beginning, and while at it hashed. Records are counted on the way: a row keeps
its number whichever range it is in.

What RFC 4180 does not allow is refused and not guessed at: a quotation mark within an
unquoted field, a lone carriage return, quotation marks left open.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from serving.batch_scoring.errors import InputRefusedError

RANGE_BYTES = 16 << 20
_CHUNK_BYTES = 4 << 20
_BOM = b"\xef\xbb\xbf"
_QUOTE, _COMMA, _LF, _CR = b'",\n\r'

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordRange:
    """Some whole records of a file.

    Attributes:
        start, end: Offsets of the first byte and behind the last.
        first_row: Number of the first record; the one after the header is 1.
        num_rows: Records in it, blank lines left out.
    """

    start: int
    end: int
    first_row: int
    num_rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class CsvLayout:
    """Where a CSV file's records are.

    Attributes:
        sha256: Of the whole file.
        header: Offsets of the first record, the column names; empty if there is none.
        ranges: All other records, in order; at least one range, which may be empty.
    """

    sha256: str
    header: tuple[int, int]
    ranges: tuple[RecordRange, ...]


def scan_csv(
    path: Path, range_bytes: int = RANGE_BYTES, chunk_bytes: int = _CHUNK_BYTES
) -> CsvLayout:
    """Reads a file once and finds where to cut it.

    Args:
        path: A CSV file; a byte order mark is skipped, blank lines are no records.
        range_bytes: A range ends with the record that reaches so many bytes.
        chunk_bytes: How much is held in memory.

    Raises:
        InputRefusedError: It breaks RFC 4180; see the module's docstring.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        first = file.read(max(chunk_bytes, len(_BOM)))
        digest.update(first)
        start = len(_BOM) if first.startswith(_BOM) else 0
        scanner = _Scanner(path=path, range_bytes=range_bytes, offset=start)
        scanner.feed(first[start:])
        while chunk := file.read(chunk_bytes):
            digest.update(chunk)
            scanner.feed(chunk)
    scanner.finish()
    return CsvLayout(
        sha256=digest.hexdigest(),
        header=scanner.header or (start, start),
        ranges=tuple(scanner.ranges),
    )


@dataclass(kw_only=True)
class _Scanner:
    """Takes a file chunk by chunk.

    The last byte of a chunk waits for the next one: what a quotation mark means
    depends on the byte behind it.
    """

    path: Path
    range_bytes: int
    offset: int  # of the first byte not looked at
    header: tuple[int, int] | None = None
    ranges: list[RecordRange] = field(default_factory=list)
    _waiting: bytes = b""
    _previous: int = _LF
    _num_quotes: int = 0
    _record_start: int = -1
    _range_start: int = -1
    _num_rows: int = 0  # in all finished ranges
    _range_rows: int = 0

    def feed(self, chunk: bytes) -> None:
        """Looks at all bytes up to the chunk's last."""
        data = self._waiting + chunk
        if len(data) > 1:
            self._look(np.frombuffer(data, dtype=np.uint8))
        self._waiting = data[-1:]

    def finish(self) -> None:
        """Looks at the last byte and closes the last record, newline or not."""
        self._look(np.frombuffer(self._waiting + b"\n", dtype=np.uint8))
        if self._num_quotes % 2:
            raise self._refusal(0, "its last quotation mark is never closed")
        if self.offset > self._start():
            ends_blank = self.offset - self._start() == 1 and self._previous == _CR
            self._take(np.array([self.offset]), np.array([ends_blank]))
        if self.header:
            self._close_range(self.offset)

    def _start(self) -> int:
        return self._record_start if self._record_start >= 0 else self.offset

    def _look(self, data: Bytes) -> None:
        """Looks at all bytes but the last, which is there to be peeked at."""
        bytes_, following = data[:-1], data[1:]
        if self._record_start < 0:
            self._record_start = self.offset
        quotes = np.flatnonzero(bytes_ == _QUOTE)
        newlines = np.flatnonzero(bytes_ == _LF)
        outside = newlines[self._is_outside(quotes, newlines)]
        returns = np.flatnonzero(bytes_ == _CR)
        returns = returns[self._is_outside(quotes, returns)]
        lone = returns[following[returns] != _LF]
        if lone.size:
            self._refuse_at(lone[0], outside, "a carriage return without a newline")
        self._check_quotes(bytes_, following, quotes, outside)
        self._take_lines(bytes_, outside)
        self._num_quotes += quotes.size
        if bytes_.size:
            self._previous = int(bytes_[-1])
        self.offset += bytes_.size

    def _is_outside(self, quotes: Places, places: Places) -> npt.NDArray[np.bool_]:
        before = self._num_quotes + np.searchsorted(quotes, places)
        return np.asarray(before % 2 == 0)

    def _check_quotes(
        self, bytes_: Bytes, following: Bytes, quotes: Places, outside: Places
    ) -> None:
        opens = np.asarray((self._num_quotes + np.arange(quotes.size)) % 2 == 0)
        before = np.where(quotes == 0, self._previous, bytes_[quotes - 1])
        behind = following[quotes]
        fits = np.where(
            opens,
            (before == _COMMA) | (before == _LF) | (before == _QUOTE),
            np.isin(behind, (_COMMA, _LF, _CR, _QUOTE)),
        )
        if not fits.all():
            place = quotes[np.argmin(fits)]
            self._refuse_at(place, outside, "a quotation mark within a field")

    def _take_lines(self, bytes_: Bytes, outside: Places) -> None:
        """Takes the records that end with these newlines."""
        if not outside.size:
            return
        ends = outside + self.offset + 1
        starts = np.concatenate([[self._start()], ends[:-1]])
        before = np.where(outside == 0, self._previous, bytes_[outside - 1])
        lengths = ends - starts
        is_blank = (lengths == 1) | ((lengths == 2) & (before == _CR))  # noqa: PLR2004 - CR LF
        self._take(ends, is_blank)

    def _take(self, ends: Places, is_blank: npt.NDArray[np.bool_]) -> None:
        if self.header is None:
            ends, is_blank = self._take_header(ends, is_blank)
        if ends.size:
            self._record_start = int(ends[-1])
        rows = np.cumsum(~is_blank)
        taken = 0
        while ends.size:
            place = int(np.searchsorted(ends, self._range_start + self.range_bytes))
            if place == ends.size:
                break
            self._range_rows += int(rows[place]) - taken
            taken = int(rows[place])
            self._close_range(int(ends[place]))
            ends, rows = ends[place + 1 :], rows[place + 1 :]
        if ends.size:
            self._range_rows += int(rows[-1]) - taken

    def _take_header(
        self, ends: Places, is_blank: npt.NDArray[np.bool_]
    ) -> tuple[Places, npt.NDArray[np.bool_]]:
        """Makes the first record that is no blank line the header."""
        if is_blank.all():
            self._record_start = int(ends[-1])
            return ends[:0], is_blank[:0]
        first = int(np.argmin(is_blank))
        start = int(ends[first - 1]) if first else self._start()
        self.header = (start, int(ends[first]))
        self._range_start = self._record_start = int(ends[first])
        return ends[first + 1 :], is_blank[first + 1 :]

    def _close_range(self, end: int) -> None:
        if self._range_rows or not self.ranges:
            self.ranges.append(
                RecordRange(
                    start=self._range_start,
                    end=end,
                    first_row=self._num_rows + 1,
                    num_rows=self._range_rows,
                )
            )
        self._num_rows += self._range_rows
        self._range_rows, self._range_start = 0, end

    def _refuse_at(self, place: int, outside: Places, what: str) -> None:
        raise self._refusal(int(np.searchsorted(outside, place)), what)

    def _refusal(self, num_more_rows: int, what: str) -> InputRefusedError:
        row = self._num_rows + self._range_rows + num_more_rows
        row += 1 if self.header else 0
        return InputRefusedError(
            f"{self.path}: row {row} (0 is the header): {what}; RFC 4180 wants such a "
            "field between quotation marks, and those in it doubled. Write the file "
            "with a CSV library."
        )

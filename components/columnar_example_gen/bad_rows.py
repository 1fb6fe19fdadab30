"""Rows that cannot become Examples: what is wrong, where, and the file they go to.

{examples}/quarantine/part-00003-of-00012.jsonl    one JSON object a bad row:
{"file": "rows.csv", "span": 3, "row": 1233, "column": "plane_year",
"value": "abc", "reason": "expected int64"}
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

QUARANTINE_FOLDER = "quarantine"
MAX_SHOWN = 5
_MAX_CHARACTERS = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class BadRow:
    """One row that cannot become an Example.

    Attributes:
        file: Name of its file.
        span: The span of the file.
        row: Its number in the file, the first one below the header is 1.
        column: Column of the value; "" if the row as a whole is misshapen.
        value: What is there, at most 300 characters; None: nothing.
        reason: What was expected.
    """

    file: str
    span: int
    row: int
    column: str
    value: str | None
    reason: str

    def sentence(self) -> str:
        """Returns "rows.csv of span 3, row 7, column 'n': 'x'; expected int64"."""
        place = f"{self.file} of span {self.span}, row {self.row:,}"
        column = f", column {self.column!r}" if self.column else ""
        value = "no value" if self.value is None else repr(self.value)
        return f"{place}{column}: {value}; {self.reason}"


def shorten(value: object) -> str:
    """Returns the value as text of at most 300 characters."""
    return str(value)[:_MAX_CHARACTERS]


@dataclass(frozen=True, kw_only=True, slots=True)
class BadRowRule:
    """What happens to bad rows.

    Attributes:
        on_bad_rows: "fail" or "quarantine".
        max_bad_rows: Most rows that quarantine takes; None: any number.
        max_bad_fraction: Largest share of all rows that quarantine takes, in [0, 1].
    """

    on_bad_rows: str = "fail"
    max_bad_rows: int | None = None
    max_bad_fraction: float = 0.01

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Picks the rule out of the data settings."""
        names = ("on_bad_rows", "max_bad_rows", "max_bad_fraction")
        return cls(**{name: settings[name] for name in names if name in settings})

    def may_go_on(self, num_bad: int) -> bool:
        """Tells whether one part of the data need be read on after so many."""
        if self.on_bad_rows == "fail":
            return not num_bad
        return self.max_bad_rows is None or num_bad <= self.max_bad_rows

    def refusal(self, num_bad: int, num_rows: int, bad: Sequence[BadRow]) -> str | None:
        """Says in words why so many bad rows end the run; None: they do not."""
        if not num_bad:
            return None
        first = "; ".join(row.sentence() for row in bad[:MAX_SHOWN])
        if self.on_bad_rows == "fail":
            return (
                f"a row cannot be read: {bad[0].sentence()}. Mend the file, or set "
                "data.on_bad_rows to quarantine."
            )
        fraction = num_bad / num_rows
        if self.max_bad_rows is not None and num_bad > self.max_bad_rows:
            limit = f"data.max_bad_rows is {self.max_bad_rows:,}"
        elif fraction > self.max_bad_fraction:
            limit = (
                f"data.max_bad_fraction is {self.max_bad_fraction:g}, they are "
                f"{fraction:.3g} of {num_rows:,} rows"
            )
        else:
            return None
        return (
            f"{num_bad:,} or more rows cannot be read and {limit}. The first: {first}. "
            "Mend the files, or raise the limit."
        )


class QuarantineFile:
    """A context that leaves a complete file if a row was written, else none."""

    def __init__(self, path: Path) -> None:
        """Names the file; it is opened with the first row."""
        self.path = path
        self._beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        self._file: TextIO | None = None

    def write(self, rows: Sequence[BadRow]) -> None:
        """Appends rows; none opens no file."""
        if not rows:
            return
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._beside.open("w", encoding="utf-8")
        self._file.writelines(
            json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows
        )

    def __enter__(self) -> Self:
        """Returns the file."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Puts the file in its place, or removes it after an error."""
        if self._file is None:
            return
        self._file.close()
        if kind is None:
            self._beside.rename(self.path)
        else:
            self._beside.unlink(missing_ok=True)

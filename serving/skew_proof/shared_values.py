"""Finds the raw value that rows with another answer have in common.

Where only answers were logged (a proxy does not see transformed features), a wrong line
of a vocabulary still shows: every row that has its value is answered otherwise, and no
other row is.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from serving.skew_proof.logged_rows import LoggedRows
from serving.skew_proof.vocabulary_cause import Vocabulary

MAX_VALUES = 10_000
"""Of a feature with more values than that no value is looked for."""

_MOST_TOLD = 3
# A changed embedding moves nearly every answer, and leaves some within the tolerance.
_MOST_ROWS = 0.9


class SharedValues:
    """Counts text values in all rows and in those that differ, batch by batch."""

    def __init__(self) -> None:
        """Starts at nothing."""
        self._rows: dict[str, Counter[str]] = {}
        self._differing: dict[str, Counter[str]] = {}
        self._num_differing = 0

    def add(self, rows: LoggedRows, is_differing: npt.NDArray[np.bool_]) -> None:
        """Counts a batch.

        Args:
            rows: Replayed rows.
            is_differing: bool [rows].
        """
        self._num_differing += int(is_differing.sum())
        chosen = pa.array(is_differing)
        texts = {one.name for one in rows.features if one.example_type == "BYTES"}
        for name, column in rows.raw_columns().items():
            if name in texts:
                _count(self._rows.setdefault(name, Counter()), column)
                _count(
                    self._differing.setdefault(name, Counter()), column.filter(chosen)
                )

    def cause(self, vocabularies: Sequence[Vocabulary]) -> str:
        """Returns what the rows share, in words; "" if nothing explains them.

        Args:
            vocabularies: Of the reference; the line of the value is named.
        """
        for name, differing in self._differing.items():
            total = self._rows[name]
            values = [value for value, _ in differing.most_common()]
            if not 0 < len(values) <= _MOST_TOLD or len(total) > MAX_VALUES:
                continue
            explained = sum(differing.values())
            having = sum(total[value] for value in values)
            if explained < self._num_differing or explained < _MOST_ROWS * having:
                continue
            told = ", ".join(f"{name}={value!r}" for value in values)
            lines = [_line(vocabularies, name, value) for value in values]
            return f"every row that differs has {told}, as {having:,} rows do" + (
                f": look at {', '.join(filter(None, lines))}" if any(lines) else ""
            )
        return ""


def _count(counts: Counter[str], column: Any) -> None:
    if len(counts) > MAX_VALUES:
        return
    for entry in column.value_counts():
        value = entry["values"].as_py()
        if value:
            counts[value] += entry["counts"].as_py()


def _line(vocabularies: Sequence[Vocabulary], name: str, value: str) -> str:
    """Returns the line that is a value, alone or after its feature's name."""
    for vocabulary in vocabularies:
        for place, line in enumerate(vocabulary.lines, start=1):
            if line in (value, f"{name}={value}"):
                return f"line {place} ({line!r}) of {vocabulary.path}"
    return ""

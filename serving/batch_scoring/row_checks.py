"""Checks a batch of rows by a bundle's rules and makes the model's inputs of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from serving.batch_scoring.column_values import (
    Mask,
    ReadColumn,
    copy_column,
    read_numbers,
    read_texts,
)
from serving.batch_scoring.input_batch import (
    BadReason,
    BadRow,
    InputBatch,
    is_text,
    plain_value,
)
from serving.batch_scoring.row_rules import FeatureRule


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckedBatch:
    """The rows of a batch that can be scored, and those that cannot.

    Attributes:
        num_rows: Rows of the batch, good, bad and rejected.
        inputs: Feature to array [good rows]: float32 with NaN, or object (bytes) with
            b"", for missing.
        copied: Key and kept columns, a pyarrow array [good rows] each, in order.
        bad: The other rows, by number.
        num_missing: Feature to the number of rows without a value, bad rows counted,
            rejected ones not.
        num_read: Rows that num_missing is out of.
    """

    num_rows: int
    inputs: dict[str, npt.NDArray[Any]]
    copied: dict[str, Any]
    bad: tuple[BadRow, ...]
    num_missing: dict[str, int]
    num_read: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RowChecker:
    """Checks batches; knows nothing of files.

    Attributes:
        rules: Of the raw features, in order.
        key: Column that must not be missing.
        copied: Key and kept columns with their pyarrow types in the output, in order.
    """

    rules: tuple[FeatureRule, ...]
    key: str
    copied: tuple[tuple[str, Any], ...]

    @property
    def columns(self) -> list[str]:
        """Every column a batch must have, each once."""
        names = [rule.name for rule in self.rules] + [name for name, _ in self.copied]
        return list(dict.fromkeys(names))

    def check(self, batch: InputBatch) -> CheckedBatch:
        """Checks every row.

        Of a row with several faults the first is told, features before the key.
        """
        found: dict[int, tuple[str, BadReason, str]] = {}
        inputs, num_missing = {}, {}
        for rule in self.rules:
            read = _read(batch.columns[rule.name], rule)
            num_missing[rule.name] = int(read.is_missing.sum())
            for mask, reason in _faults(read, rule):
                _note(found, mask, rule.name, reason, rule.expected)
            inputs[rule.name] = _as_input(read, rule)
        copied = self._copy(batch, found)
        is_good = np.ones(len(batch.rows), dtype=bool)
        if found:
            is_good[list(found)] = False
            inputs = {name: values[is_good] for name, values in inputs.items()}
            kept = pa.array(is_good)
            copied = {name: values.filter(kept) for name, values in copied.items()}
        return CheckedBatch(
            num_rows=len(batch.rows) + len(batch.rejected),
            inputs=inputs,
            copied=copied,
            bad=_bad_rows(batch, found),
            num_missing=num_missing,
            num_read=len(batch.rows),
        )

    def _copy(
        self, batch: InputBatch, found: dict[int, tuple[str, BadReason, str]]
    ) -> dict[str, Any]:
        copied = {}
        for name, kind in self.copied:
            column, is_bad = copy_column(batch.columns[name], kind)
            if is_bad is not None:
                _note(found, is_bad, name, BadReason.NOT_UTF8, "text in UTF-8")
            copied[name] = column
        _note(
            found,
            _is_empty(copied[self.key]),
            self.key,
            BadReason.MISSING,
            "the row's key",
        )
        return copied


def _read(column: Any, rule: FeatureRule) -> ReadColumn:
    return read_texts(column) if rule.is_text else read_numbers(column)


def _as_input(read: ReadColumn, rule: FeatureRule) -> npt.NDArray[Any]:
    if rule.is_text:
        return read.values
    with np.errstate(over="ignore"):
        return read.values.astype(np.float32)


def _faults(read: ReadColumn, rule: FeatureRule) -> list[tuple[Mask, BadReason]]:
    faults = []
    if read.is_bad is not None:
        kind = BadReason.NOT_UTF8 if rule.is_text else BadReason.NOT_A_NUMBER
        faults.append((read.is_bad, kind))
    if rule.is_required:
        faults.append((read.is_missing, BadReason.MISSING))
    if not rule.is_text:
        faults += _number_faults(read.values, rule)
    return faults


def _number_faults(
    values: npt.NDArray[Any], rule: FeatureRule
) -> list[tuple[Mask, BadReason]]:
    # A limit of 0.1 lets float32's 0.1 pass, which is a little more.
    kind = np.float64 if rule.is_whole else np.float32
    with np.errstate(over="ignore", invalid="ignore"):
        singles = values.astype(np.float32)
        compared = values if rule.is_whole else singles
        faults = [(np.isinf(singles), BadReason.INFINITE)]
        if rule.is_whole:
            is_broken = np.trunc(values) != values
            faults.append((is_broken & ~np.isnan(values), BadReason.NOT_WHOLE))
        is_outside = (compared < kind(rule.low)) | (compared > kind(rule.high))
    return [*faults, (is_outside, BadReason.OUT_OF_RANGE)]


def _is_empty(column: Any) -> Mask:
    is_null = np.asarray(
        column.is_null(nan_is_null=True).to_numpy(zero_copy_only=False)
    )
    if is_text(column.type):
        lengths = pc.fill_null(pc.binary_length(column), 0)
        return np.asarray(lengths.to_numpy(zero_copy_only=False) == 0)
    return is_null


def _note(
    found: dict[int, tuple[str, BadReason, str]],
    mask: Mask,
    name: str,
    reason: BadReason,
    expected: str,
) -> None:
    if mask.any():
        for place in np.flatnonzero(mask).tolist():
            found.setdefault(place, (name, reason, expected))


def _bad_rows(
    batch: InputBatch, found: Mapping[int, tuple[str, BadReason, str]]
) -> tuple[BadRow, ...]:
    noted = [
        BadRow(
            row=int(batch.rows[place]),
            field=name,
            reason=reason,
            expected=expected,
            values=_row_values(batch.columns, place),
        )
        for place, (name, reason, expected) in sorted(found.items())
    ]
    return tuple(_by_number([*noted, *batch.rejected]))


def _by_number(rows: Sequence[BadRow]) -> list[BadRow]:
    return sorted(rows, key=lambda bad: bad.row)


def _row_values(columns: Mapping[str, Any], place: int) -> dict[str, Any]:
    return {
        name: plain_value(_scalar(column, place)) for name, column in columns.items()
    }


def _scalar(column: Any, place: int) -> Any:
    try:
        return column[place].as_py()
    except UnicodeDecodeError:  # a Parquet string is not checked when it is read
        return column[place : place + 1].cast(pa.binary())[0].as_py()

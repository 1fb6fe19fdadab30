"""Checks the columns of every input file before a single row is scored."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from serving.batch_scoring import csv_files, parquet_files, tfrecord_files
from serving.batch_scoring.column_values import read_numbers
from serving.batch_scoring.errors import InputRefusedError
from serving.batch_scoring.input_batch import is_number, is_text
from serving.batch_scoring.input_files import FileFormat, InputFile
from serving.batch_scoring.plan import PlannedInput
from serving.batch_scoring.row_rules import FeatureRule
from serving.batch_scoring.slices import FileSlice

# More than half of a CSV column's values: it is another column, not a few bad rows.
_MAX_WRONG_FRACTION = 0.5
_SAMPLE_ROWS = 1000

Columns = Sequence[tuple[str, Any]]


def read_columns(file: InputFile) -> list[tuple[str, Any]]:
    """Returns a file's column names and pyarrow types; in a CSV all are binary.

    Raises:
        InputRefusedError: The file cannot be read as what its name says.
    """
    path = Path(file.path)
    if file.format is FileFormat.CSV:
        return [(name, pa.binary()) for name in csv_files.read_header(path)]
    if file.format is FileFormat.PARQUET:
        return parquet_files.read_types(path)
    return tfrecord_files.read_types(path)


def check_columns(
    file: InputFile, columns: Columns, rules: Sequence[FeatureRule], copied: list[str]
) -> None:
    """Checks that every column that is needed is there, once, and of a fitting type.

    Args:
        file: The file, for messages and its format.
        columns: See read_columns.
        rules: Of the raw features.
        copied: The key, then the columns to keep.

    Raises:
        InputRefusedError: Names file, column, what came and what was expected.
    """
    counts = Counter(name for name, _ in columns)
    types = dict(columns)
    for name in [rule.name for rule in rules] + copied:
        if counts[name] > 1:
            raise InputRefusedError(
                f"{file.path}: column {name!r} is there {counts[name]} times; expected "
                "once. Remove or rename the others."
            )
    for rule in rules:
        _check_feature(file, rule, types)
    for place, name in enumerate(copied):
        if name not in types:
            raise InputRefusedError(_no_copied(file, name, types, is_key=place == 0))


def _check_feature(
    file: InputFile, rule: FeatureRule, types: Mapping[str, Any]
) -> None:
    if rule.name not in types:
        # A tf.Example lacks what is missing; only a required feature must be seen.
        if file.format is FileFormat.TFRECORD and not rule.is_required:
            return
        raise InputRefusedError(
            f"{file.path}: column {rule.name!r} is missing; expected {rule.expected}. "
            f"The file has {_list(types)}. Add the column, left empty where a value is "
            "not known."
        )
    kind = types[rule.name]
    fits = is_text(kind) if rule.is_text else is_number(kind)
    if file.format is not FileFormat.CSV and not fits and not pa.types.is_null(kind):
        raise InputRefusedError(
            f"{file.path}: column {rule.name!r} is {kind}; expected {rule.expected}. "
            "Convert the column."
        )


def _no_copied(
    file: InputFile, name: str, types: Mapping[str, Any], *, is_key: bool
) -> str:
    if is_key:
        return (
            f"{file.path}: the key column {name!r} is missing; the file has "
            f"{_list(types)}. Name the column that tells rows apart with --key."
        )
    return (
        f"{file.path}: column {name!r} to keep is missing; the file has "
        f"{_list(types)}. Correct --keep."
    )


def _list(types: Mapping[str, Any]) -> str:
    shown = 12
    names = [repr(name) for name in types]
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more or "no column"


def copied_types(
    files: Sequence[tuple[InputFile, Columns]], copied: Sequence[str]
) -> tuple[tuple[str, Any], ...]:
    """Returns the types of key and kept columns in the output.

    Text of CSV and TFRecord becomes a string; dictionaries become their values.

    Raises:
        InputRefusedError: Two files disagree, or a column is a list or a struct.
    """
    found: dict[str, tuple[Any, InputFile]] = {}
    for file, columns in files:
        types = dict(columns)
        for name in copied:
            kind = _output_type(file, types[name])
            if pa.types.is_nested(kind):
                raise InputRefusedError(
                    f"{file.path}: column {name!r} is {kind}; expected one value a "
                    "row, or it cannot be copied. Leave it out of --key and --keep."
                )
            first, where = found.setdefault(name, (kind, file))
            if first != kind:
                raise InputRefusedError(
                    f"{file.path}: column {name!r} is {kind}, in {where.path} it is "
                    f"{first}. Convert one of them, or score the files apart."
                )
    return tuple((name, found[name][0]) for name in copied)


def _output_type(file: InputFile, kind: Any) -> Any:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    is_raw_text = file.format is not FileFormat.PARQUET and pa.types.is_binary(kind)
    return pa.string() if is_raw_text else kind


def check_csv_numbers(
    file: InputFile, part: FileSlice, rules: Sequence[FeatureRule]
) -> None:
    """Refuses a CSV in whose first rows a number's column mostly holds other text.

    A few such values are bad rows; a column of them is a column of another kind.

    Raises:
        InputRefusedError: Names file, column and one of the values.
    """
    names = [rule.name for rule in rules if not rule.is_text]
    batches = csv_files.read_batches(
        Path(file.path), part, names, batch_rows=_SAMPLE_ROWS
    )
    batch = next((batch for batch in batches if len(batch.rows)), None)
    if batch is None:
        return
    for rule in rules:
        if not rule.is_text:
            _check_numbers(file, rule, batch.columns[rule.name])


def _check_numbers(file: InputFile, rule: FeatureRule, column: Any) -> None:
    read = read_numbers(column)
    if read.is_bad is None:
        return
    num_values = int((~read.is_missing).sum())
    num_wrong = int(read.is_bad.sum())
    if num_wrong <= num_values * _MAX_WRONG_FRACTION:
        return
    came = column[int(read.is_bad.argmax())].as_py().decode("utf-8", "backslashreplace")
    raise InputRefusedError(
        f"{file.path}: column {rule.name!r} is text in {num_wrong} of its first "
        f"{num_values} values, such as {came!r}; expected {rule.expected}. Check that "
        "the header fits the columns."
    )


def check_has_rows(inputs: Sequence[PlannedInput]) -> None:
    """Refuses inputs that have no row between them; one empty file is let pass.

    Raises:
        InputRefusedError: Names the first file.
    """
    if any(_has_rows(source) for source in inputs):
        return
    more = f" and {len(inputs) - 1} more" if len(inputs) > 1 else ""
    raise InputRefusedError(
        f"{inputs[0].file.path}{more}: there is no row to score; expected at least "
        "one. Check what wrote it."
    )


def _has_rows(source: PlannedInput) -> bool:
    if source.file.format is FileFormat.TFRECORD:
        return tfrecord_files.has_rows(Path(source.file.path))
    return any(part.num_rows for part in source.slices)

"""Reads TFRecord files of tf.Examples, gzipped if their names end in .gz.

A tf.Example has no columns: a missing value is an absent feature. Columns are told from
the first records, and a feature that all of them lack may still come later.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from serving.batch_scoring.errors import InputRefusedError
from serving.batch_scoring.input_batch import (
    BATCH_ROWS,
    BadReason,
    BadRow,
    InputBatch,
)
from serving.batch_scoring.slices import FileSlice

_SAMPLE_RECORDS = 1024
_TYPES = {
    "bytes_list": pa.binary(),
    "int64_list": pa.int64(),
    "float_list": pa.float32(),
}
_DTYPES = {"binary": "string", "int64": "int64", "float": "float32"}


def read_types(path: Path) -> list[tuple[str, Any]]:
    """Returns feature names and pyarrow types of the first 1,024 records, by name.

    Raises:
        InputRefusedError: A record is no tf.Example, the file is damaged, or a feature
            has two types.
    """
    import tensorflow as tf

    types: dict[str, Any] = {}
    for batch in _records(path, _SAMPLE_RECORDS):
        for place, record in enumerate(batch.numpy()):
            example = _example(tf, record)
            if example is None:
                continue  # a bad row, not a bad file
            for name, feature in example.features.feature.items():
                kind = feature.WhichOneof("kind")
                if kind and types.setdefault(name, _TYPES[kind]) != _TYPES[kind]:
                    raise InputRefusedError(
                        f"{path}: row {place + 1}: feature {name!r} is {_TYPES[kind]}, "
                        f"in the rows before {types[name]}. Write it as one type."
                    )
        break
    return sorted(types.items())


def slice_file() -> list[FileSlice]:
    """Returns one slice: records can only be found from the beginning."""
    return [FileSlice(start=0, end=0, first_row=1, num_rows=None)]


def has_rows(path: Path) -> bool:
    """Tells whether there is any record."""
    return any(True for _ in _records(path, 1))


def read_batches(
    path: Path, types: Mapping[str, Any], batch_rows: int = BATCH_ROWS
) -> Iterator[InputBatch]:
    """Reads all records; those that do not parse are rejected.

    Args:
        path: The file.
        types: Feature to pyarrow type, one of binary, int64 and float32.
        batch_rows: Records of a batch.

    Raises:
        InputRefusedError: The file is damaged.
    """
    row = 1
    for records in _records(path, batch_rows):
        yield _parse(records, row, types)
        row += len(records)


def _records(path: Path, batch_rows: int) -> Iterator[Any]:
    """Yields string tensors [rows], none of them empty."""
    import tensorflow as tf

    dataset = tf.data.TFRecordDataset(
        str(path),
        compression_type="GZIP" if path.name.lower().endswith(".gz") else "",
        buffer_size=1 << 20,
    )
    try:
        yield from dataset.batch(batch_rows)
    except tf.errors.OpError as error:
        raise InputRefusedError(
            f"{path}: TensorFlow cannot read it as a TFRecord: "
            f"{error.message.splitlines()[0]}. Write it again; a gzipped one must end "
            "in .gz."
        ) from error


def _parse(records: Any, first_row: int, types: Mapping[str, Any]) -> InputBatch:
    import tensorflow as tf

    rows = np.arange(first_row, first_row + len(records))
    try:
        parsed = _parse_all(tf, records, types)
    except tf.errors.InvalidArgumentError:
        parsed = None
    if parsed is not None:
        return InputBatch(rows=rows, columns=parsed)
    problems = [_problem(tf, record, types) for record in records.numpy()]
    is_fine = np.array([problem is None for problem in problems])
    rejected = tuple(
        BadRow(
            row=first_row + place,
            field=problem[0],
            reason=BadReason.MALFORMED,
            expected=problem[1],
            values={problem[0]: problem[2]},
        )
        for place, problem in enumerate(problems)
        if problem is not None
    )
    return InputBatch(
        rows=rows[is_fine],
        columns=_parse_all(tf, tf.boolean_mask(records, is_fine), types) or {},
        rejected=rejected,
    )


def _parse_all(
    tf: Any, records: Any, types: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Parses records; None if one of them has several values of a feature."""
    spec = {
        name: tf.io.VarLenFeature(_DTYPES[str(kind)]) for name, kind in types.items()
    }
    parsed = tf.io.parse_example(records, spec)
    columns = {}
    for name, sparse in parsed.items():
        if sparse.dense_shape[1] > 1:
            return None
        columns[name] = _column(
            sparse.indices.numpy()[:, 0],
            sparse.values.numpy(),
            len(records),
            types[name],
        )
    return columns


def _column(places: Any, values: Any, count: int, kind: Any) -> Any:
    """Returns an array [count] with null where no value is."""
    indices = np.zeros(count, dtype=np.int64)
    is_missing = np.ones(count, dtype=bool)
    indices[places] = np.arange(len(places))
    is_missing[places] = False
    return pa.array(values, type=kind).take(pa.array(indices, mask=is_missing))


def _example(tf: Any, record: bytes) -> Any:
    from google.protobuf.message import DecodeError

    try:
        return tf.train.Example.FromString(record)
    except DecodeError:
        return None


def _problem(
    tf: Any, record: bytes, types: Mapping[str, Any]
) -> tuple[str, str, Any] | None:
    """Says which feature of a record does not parse, what was expected, what came."""
    example = _example(tf, record)
    if example is None:
        return "", "a tf.Example", f"{len(record)} bytes"
    for name, kind in types.items():
        if name not in example.features.feature:
            continue
        feature = example.features.feature[name]
        found = feature.WhichOneof("kind")
        if found and _TYPES[found] != kind:
            return name, f"{kind}", f"{_TYPES[found]}"
        if found and len(getattr(feature, found).value) > 1:
            count = len(getattr(feature, found).value)
            return name, "one value", f"{count} values"
    return None

"""Reads a file of labels, CSV or Parquet, in pieces.

A numeric or boolean label becomes a float64 (true: 1), any other text. Rows without a
key or a label are counted and passed over. The key is text also where a CSV file holds
digits: "007" is not 7.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from serving.prediction_log.errors import PredictionLogError
from serving.prediction_log.label_store import METRIC_PREFIX
from serving.prediction_log.log_schema import TIME

_BATCH_ROWS = 200_000
_BLOCK_BYTES = 16 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelColumns:
    """Columns of a file of labels.

    Attributes:
        key: Names the row, as the client's x-slipway-key did.
        label: What turned out.
        label_time: When it was known, a timestamp or ISO 8601; "": the file does not
            say.
        metrics: Numeric columns to keep as `metric.NAME`; None: all that there are.
        ignored: Numeric columns that are no metrics.
    """

    key: str = "key"
    label: str = "label"
    label_time: str = ""
    metrics: tuple[str, ...] | None = None
    ignored: tuple[str, ...] = ()


def column_names(file: Path) -> list[str]:
    """Returns the names of a file's columns.

    Raises:
        PredictionLogError: It cannot be read.
    """
    try:
        return list(_opened(file)[0].names)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(file, error) from error


def label_tables(file: Path, columns: LabelColumns) -> Iterator[tuple[Any, int]]:
    """Yields tables of key, label, label_time and metric.*, with the rows passed over.

    Args:
        file: A CSV file with a header if its name ends with .csv, else Parquet.
        columns: What is where.

    Raises:
        PredictionLogError: The file cannot be read, or lacks a column.
    """
    try:
        schema, batches = _opened(file, columns.key)
        names = _chosen(file, schema, columns)
        for batch in batches:
            table = pa.Table.from_batches([batch])
            yield _shaped(table, columns, names)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: Exception) -> PredictionLogError:
    return PredictionLogError(
        f"{file} cannot be read: {error}. Expected a CSV file with a header or a "
        "Parquet file."
    )


def _opened(file: Path, key: str = "") -> tuple[Any, Iterator[Any]]:
    if file.suffix.lower() == ".csv":
        return _opened_csv(file, key)
    parquet = pq.ParquetFile(file)
    return parquet.schema_arrow, parquet.iter_batches(_BATCH_ROWS)


def _opened_csv(file: Path, key: str) -> tuple[Any, Iterator[Any]]:
    options = pa_csv.ReadOptions(block_size=_BLOCK_BYTES)
    with pa_csv.open_csv(file, read_options=options) as first:
        # What looks whole in the first piece may have a fraction in the next.
        types = {
            field.name: pa.float64()
            for field in first.schema
            if pa.types.is_integer(field.type)
        }
    reader = pa_csv.open_csv(
        file,
        read_options=options,
        convert_options=pa_csv.ConvertOptions(
            column_types={**types, **({key: pa.string()} if key else {})}
        ),
    )
    return reader.schema, iter(reader)


def _chosen(file: Path, schema: Any, columns: LabelColumns) -> list[str]:
    """Returns the names of the metrics."""
    asked = [columns.key, columns.label, *(columns.metrics or ())]
    for name in [*asked, *([columns.label_time] if columns.label_time else [])]:
        if name not in schema.names:
            raise PredictionLogError(
                f"{file} has no column {name!r}; it has {', '.join(schema.names)}. "
                "Name the columns with --key, --label, --label-time and --metric."
            )
    if columns.metrics is not None:
        return list(columns.metrics)
    others = {columns.key, columns.label, columns.label_time, *columns.ignored}
    return [
        field.name
        for field in schema
        if field.name not in others and _is_number(field.type)
    ]


def _shaped(table: Any, columns: LabelColumns, metrics: list[str]) -> tuple[Any, int]:
    key = table[columns.key].cast(pa.string())
    label = table[columns.label]
    is_number = _is_number(label.type) or pa.types.is_boolean(label.type)
    label = label.cast(pa.int8()) if pa.types.is_boolean(label.type) else label
    label = label.cast(pa.float64() if is_number else pa.string())
    shaped = {
        "key": key,
        "label": label,
        "label_time": _times(table, columns.label_time),
        **{METRIC_PREFIX + name: table[name].cast(pa.float64()) for name in metrics},
    }
    every = pa.table(shaped)
    kept = every.filter(pc.and_(_is_given(key), _is_given(label)))
    return kept.combine_chunks(), every.num_rows - kept.num_rows


def _is_given(values: Any) -> Any:
    is_valid = pc.is_valid(values)
    if not pa.types.is_string(values.type):
        return is_valid
    return pc.and_(is_valid, pc.fill_null(pc.not_equal(values, ""), False))


def _times(table: Any, name: str) -> Any:
    if not name:
        return pa.nulls(table.num_rows, TIME)
    values = table[name]
    if pa.types.is_timestamp(values.type) or pa.types.is_date(values.type):
        return values.cast(TIME)
    import pandas as pd

    try:
        found = pd.to_datetime(values.to_pandas(), utc=True, format="ISO8601")
    except (ValueError, TypeError) as error:
        raise PredictionLogError(
            f"column {name!r} holds no times: {error}. Expected ISO 8601."
        ) from error
    return pa.array(found, TIME, from_pandas=True)


def _is_number(kind: Any) -> bool:
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
    )

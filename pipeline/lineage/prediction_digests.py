"""Which bundles made the predictions of a file.

Batch scoring writes the bundle's digest beside each prediction, column `bundle_digest`.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from pipeline.settings_loader import ConfigError

COLUMN = "bundle_digest"


def count_digests(path: Path) -> Counter[str]:
    """Counts the predictions of each bundle; "" stands for a missing digest.

    Args:
        path: A Parquet or CSV file, or a folder of them. Read in batches, this column
            alone.

    Raises:
        ConfigError: It is neither, or holds no such column.
    """
    files = sorted(path.glob("*")) if path.is_dir() else [path]
    files = [file for file in files if _reader_of(file)] if path.is_dir() else files
    if not files:
        raise ConfigError(
            f"{path} holds neither a contract nor prediction files (.parquet, .csv)."
        )
    counted: Counter[str] = Counter()
    for file in files:
        try:
            for batch in _batches(file):
                for pair in pc.value_counts(batch).to_pylist():
                    counted[pair["values"] or ""] += pair["counts"]
        except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
            raise ConfigError(f"{file} cannot be read: {error}") from error
    return counted


def _reader_of(file: Path) -> str:
    """Returns "parquet" or "csv"; "" for any other file."""
    suffixes = [suffix.lower() for suffix in file.suffixes]
    return next((kind for kind in ("parquet", "csv") if f".{kind}" in suffixes), "")


def _batches(file: Path) -> Iterator[Any]:
    kind = _reader_of(file)
    if kind == "parquet":
        opened = pyarrow.parquet.ParquetFile(file)
        _require_column(file, opened.schema_arrow.names)
        for batch in opened.iter_batches(columns=[COLUMN]):
            yield batch.column(0).cast(pa.string())
    elif kind == "csv":
        options = pyarrow.csv.ConvertOptions(
            include_columns=[COLUMN],
            column_types={COLUMN: pa.string()},
        )
        _require_column(file, _csv_names(file))
        stream = pa.input_stream(str(file), compression="detect")
        for batch in pyarrow.csv.open_csv(stream, convert_options=options):
            yield batch.column(0)
    else:
        raise ConfigError(
            f"{file} is no prediction file; expected Parquet or CSV, by its name "
            "(.parquet, .csv)."
        )


def _csv_names(file: Path) -> list[str]:
    with (
        pa.input_stream(str(file), compression="detect") as stream,
        io.TextIOWrapper(stream, encoding="utf-8", newline="") as text,
    ):
        return next(csv.reader(text), [])


def _require_column(file: Path, names: list[str]) -> None:
    if COLUMN not in names:
        raise ConfigError(
            f"{file} has no column {COLUMN!r}, so nobody can say which model made it; "
            f"it has {', '.join(names)}. Batch scoring writes that column."
        )

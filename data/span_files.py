"""The files of a span: which are data, how many rows and which bytes they hold."""

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from data.errors import DataContractError
from data.manifest import SpanFile

DATA_SUFFIXES = (".csv", ".parquet")


def is_data_file(path: Path) -> bool:
    """Tells whether ExampleGen reads this file: *.parquet and *.csv, nothing else."""
    return path.suffix in DATA_SUFFIXES and path.is_file()


def list_data_files(folder: Path) -> list[Path]:
    """Returns the data files directly in a span's folder, by name.

    Raises:
        DataContractError: There is none.
    """
    files = sorted(path for path in folder.iterdir() if is_data_file(path))
    if not files:
        raise DataContractError(f"{folder} holds no *.parquet or *.csv file")
    return files


def describe_file(path: Path) -> SpanFile:
    """Returns what a manifest says about one data file.

    Raises:
        DataContractError: The file is no readable Parquet or CSV file.
    """
    try:
        num_rows = count_rows(path)
    except pa.ArrowException as error:
        raise DataContractError(f"{path} cannot be read: {error}") from error
    size_bytes = path.stat().st_size
    return SpanFile(
        name=path.name, num_rows=num_rows, size_bytes=size_bytes, sha256=sha256_of(path)
    )


def count_rows(path: Path) -> int:
    """Returns the number of rows without holding the file in memory.

    Of Parquet only the footer is read. Of a CSV, whose first line is the header, only
    the first column is parsed, as bytes: no value can fail to convert.
    """
    if path.suffix == ".parquet":
        return int(pq.read_metadata(path).num_rows)
    parse = csv.ParseOptions(newlines_in_values=True)
    with csv.open_csv(path, parse_options=parse) as reader:
        first_column = reader.schema.names[0]
    convert = csv.ConvertOptions(
        include_columns=[first_column], column_types={first_column: pa.binary()}
    )
    with csv.open_csv(path, parse_options=parse, convert_options=convert) as reader:
        return sum(batch.num_rows for batch in reader)


def sha256_of(path: Path) -> str:
    """Returns the SHA-256 of the file's bytes, 64 lower-case hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

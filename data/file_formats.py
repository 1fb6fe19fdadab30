"""The file formats of a span: which suffix means which, and how rows are counted.

    parquet   *.parquet                 read by row groups
    csv       *.csv, *.csv.gz           RFC 4180 with a header line, UTF-8
    feather   *.feather, *.arrow        Arrow's IPC file format (Feather version 2)
    orc       *.orc

Other files in a span's folder are not data.
"""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

SUFFIXES = {
    "parquet": (".parquet",),
    "csv": (".csv", ".csv.gz"),
    "feather": (".feather", ".arrow"),
    "orc": (".orc",),
}
FORMATS = tuple(SUFFIXES)


def format_of(path: Path) -> str | None:
    """Returns the format that a file's name stands for; None: not a data file."""
    for name, suffixes in SUFFIXES.items():
        if path.name.endswith(suffixes):
            return name
    return None


def suffixes_in_words() -> str:
    """Returns "*.parquet, *.csv, …", for messages."""
    return ", ".join(f"*{suffix}" for each in SUFFIXES.values() for suffix in each)


def count_rows(path: Path) -> int:
    """Returns the number of rows of a data file without holding it in memory.

    Of Parquet only the footer is read. Of a CSV, whose first line is the header, only
    the first column is parsed, as bytes: no value can fail to convert.

    Raises:
        pyarrow.ArrowException: The file is not what its name says.
    """
    file_format = format_of(path)
    if file_format == "parquet":
        return int(pa.parquet.read_metadata(path).num_rows)
    if file_format == "csv":
        return _count_csv_rows(path)
    from pyarrow import dataset  # takes pandas along, which preflight does without

    return int(dataset.dataset(path, format=file_format).count_rows())


def _count_csv_rows(path: Path) -> int:
    """Counts records; one with too few or too many fields is a row as well."""
    try:
        return _count_csv_records(path, pa.csv.ParseOptions(newlines_in_values=True))
    except pa.ArrowInvalid:
        misshapen = []

        def skip(row: Any) -> str:
            misshapen.append(row.number)
            return "skip"

        parse = pa.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip)
        # As a set: the first block is parsed twice.
        num_rows = _count_csv_records(path, parse)
        return num_rows + len(set(misshapen))


def _count_csv_records(path: Path, parse: pa.csv.ParseOptions) -> int:
    one_thread = pa.csv.ReadOptions(use_threads=False)  # which tells rows' numbers
    with pa.csv.open_csv(path, one_thread, parse) as reader:
        first_column = reader.schema.names[0]
    convert = pa.csv.ConvertOptions(
        include_columns=[first_column], column_types={first_column: pa.binary()}
    )
    with pa.csv.open_csv(path, one_thread, parse, convert) as reader:
        return sum(batch.num_rows for batch in reader)

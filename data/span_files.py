"""The files of a span: which are data, how many rows and which bytes they hold."""

import hashlib
from pathlib import Path

import pyarrow as pa

from data.errors import DataContractError
from data.file_formats import count_rows, format_of, suffixes_in_words
from data.manifest import SpanFile


def is_data_file(path: Path) -> bool:
    """Tells whether ExampleGen reads this file; see data/file_formats.py."""
    return format_of(path) is not None and path.is_file()


def list_data_files(folder: Path) -> list[Path]:
    """Returns the data files directly in a span's folder, by name.

    Raises:
        DataContractError: There is none.
    """
    files = sorted(path for path in folder.iterdir() if is_data_file(path))
    if not files:
        raise DataContractError(
            f"{folder} holds no data file; expected one of {suffixes_in_words()}"
        )
    return files


def describe_file(path: Path) -> SpanFile:
    """Returns what a manifest says about one data file.

    Raises:
        DataContractError: The file is not of the format that its name says.
    """
    try:
        num_rows = count_rows(path)
    except (pa.ArrowException, EOFError, OSError, UnicodeDecodeError) as error:
        raise DataContractError(f"{path} cannot be read: {error}") from error
    size_bytes = path.stat().st_size
    return SpanFile(
        name=path.name, num_rows=num_rows, size_bytes=size_bytes, sha256=sha256_of(path)
    )


def sha256_of(path: Path) -> str:
    """Returns the SHA-256 of the file's bytes, 64 lower-case hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

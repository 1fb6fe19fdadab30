"""A part of one input file, as small as one worker scores at a time."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class FileSlice:
    """Some rows of a file that lie beside each other.

    Attributes:
        start, end: Where they lie, the end not included: byte offsets of a CSV, row
            groups of a Parquet file; 0 and 0 for a whole TFRecord.
        first_row: Number of the first row in its file, from 1.
        num_rows: Rows in it; None where only reading would tell (TFRecord).
    """

    start: int
    end: int
    first_row: int
    num_rows: int | None

"""Leaves out row groups of a Parquet file in which no row can pass the filter.

The smallest and largest value of each column, which the file's footer holds, decide:
what is left out is not read.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.fs

from components.columnar_example_gen.row_filter import Condition, build_filter


@dataclass(frozen=True, kw_only=True, slots=True)
class RowGroup:
    """One row group of a file.

    Attributes:
        number: Its place in the file, from 0.
        num_rows: Rows in it.
        may_pass: False: no row of it passes the filter.
    """

    number: int
    num_rows: int
    may_pass: bool


def judge_row_groups(
    path: str, row_groups: Sequence[int], where: Sequence[Condition]
) -> list[RowGroup]:
    """Returns the row groups with what the filter makes of them.

    Args:
        path: A Parquet file.
        row_groups: Which of its row groups.
        where: Conditions, at least one.
    """
    from pyarrow import dataset

    fragment = dataset.ParquetFileFormat().make_fragment(
        path, pa.fs.LocalFileSystem(), row_groups=list(row_groups)
    )
    passing = {group.id for group in fragment.subset(build_filter(where)).row_groups}
    return [
        RowGroup(
            number=number,
            num_rows=fragment.metadata.row_group(number).num_rows,
            may_pass=number in passing,
        )
        for number in row_groups
    ]

"""The row filter of the settings: [[column, operator, value], …], all must hold.

A row in which the column is missing does not pass.

Source:
    The form of pyarrow's filters: pyarrow.parquet.filters_to_expression.
"""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from data.spans import DataContractError

Condition = tuple[str, str, Any]


def build_filter(where: Sequence[Condition]) -> Any:
    """Returns the conditions as one pyarrow expression."""
    return pa.parquet.filters_to_expression([tuple(each) for each in where])


def filter_columns(where: Sequence[Condition]) -> list[str]:
    """Returns the columns that the conditions read."""
    return list(dict.fromkeys(column for column, _, _ in where))


def check_filter(where: Sequence[Condition], schema: pa.Schema, origin: str) -> None:
    """Checks each condition against a file's columns.

    Raises:
        DataContractError: A column is missing or of a type that does not compare with
            the value.
    """
    for column, operator, value in where:
        if column not in schema.names:
            raise DataContractError(
                f"data.where names {column!r}, which {origin} does not hold."
            )
        try:
            schema.empty_table().filter(build_filter([(column, operator, value)]))
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise DataContractError(
                f"data.where compares {column!r}, which is "
                f"{schema.field(column).type} in {origin}, by {operator!r} with "
                f"{value!r}: {error}"
            ) from error

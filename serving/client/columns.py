"""Makes a signature's inputs of what a caller gives."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from serving.client.errors import InvalidRequestError
from serving.client.model_info import TensorInfo
from serving.client.strict_arrays import Array, missing_value, strict_array

Rows = Sequence[Mapping[str, Any]]
Inputs = Mapping[str, TensorInfo]
_PLAIN = (float, int, str, bytes, bool)


def rows_to_columns(rows: Rows) -> dict[str, list[Any]]:
    """Turns rows into lists of values, a list an input.

    Raises:
        InvalidRequestError: As check_rows does.
    """
    check_rows(rows)
    return {name: [row[name] for row in rows] for name in rows[0]}


def check_rows(rows: Rows) -> None:
    """Refuses rows that are not all of one kind.

    Raises:
        InvalidRequestError: There is none, or one lacks a name that another has.
    """
    if not rows:
        raise InvalidRequestError("there are no rows; expected at least one.")
    names = rows[0].keys()
    for place, row in enumerate(rows):
        if row.keys() != names:
            raise InvalidRequestError(_difference(place, row, names))


def _difference(place: int, row: Mapping[str, Any], names: Iterable[str]) -> str:
    lacking, extra = sorted(set(names) - set(row)), sorted(set(row) - set(names))
    if lacking:
        return (
            f"row {place} lacks {lacking[0]!r}, which row 0 has; None stands for a "
            "missing value."
        )
    return f"row {place} has {extra[0]!r}, which row 0 lacks."


def input_arrays(columns: Mapping[str, Any], inputs: Inputs) -> dict[str, Array]:
    """Makes an array an input, of the dtypes that the signature says.

    Args:
        columns: Name to values, as strict_array takes them.
        inputs: The signature's.

    Raises:
        InvalidRequestError: The signature lacks a name, or strict_array refuses a
            value.
    """
    arrays = {}
    for name, values in columns.items():
        info = _input(name, inputs)
        try:
            arrays[name] = strict_array(values, info.dtype)
        except ValueError as error:
            raise InvalidRequestError(f"input {name!r} {error}") from error
    return arrays


def fill_missing(name: str, value: Any, inputs: Inputs) -> Any:
    """Returns a value with what stands for None in its place, also inside lists.

    Args:
        name: Of the input.
        value: Of any kind that JSON has, bytes, or a numpy array.
        inputs: The signature's; looked at only where there is a None.

    Raises:
        InvalidRequestError: The signature lacks the name, or its dtype has nothing
            that stands for None.
    """
    if type(value) in _PLAIN:
        return value
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [fill_missing(name, one, inputs) for one in value]
    if value is not None:
        return value
    try:
        return missing_value(_input(name, inputs).dtype)
    except ValueError as error:
        raise InvalidRequestError(f"input {name!r} {error}") from error


def _input(name: str, inputs: Inputs) -> TensorInfo:
    if name in inputs:
        return inputs[name]
    near = get_close_matches(name, inputs, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise InvalidRequestError(
        f"the signature has no input {name!r}; it has {_listed(inputs)}.{hint}"
    )


def _listed(names: Iterable[str], shown: int = 5) -> str:
    known = sorted(names)
    more = f" and {len(known) - shown} more" if len(known) > shown else ""
    return ", ".join(map(repr, known[:shown])) + more

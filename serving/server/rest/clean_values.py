"""Makes arrays of plain JSON values without looking at each in Python.

A value is plain where its list holds nothing but the element's own type, all lists of
a level are equally long, and no number is near a limit. Anything else gives None: the
caller then walks it (tensor_walk), which converts it or says what is wrong.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.server.core import Arrays
from serving.server.packed_rows import PackedRows
from serving.server.rest.input_plan import InputPlan, SignaturePlan
from serving.server.rest.tensor_types import ElementType, Kind
from serving.server.rest.tensor_walk import MAX_RANK

_NUMBERS = {int, float}
_TEXTS = {str}
_NONE = type(None)
_FEW = 64
"""Up to here Python looks at floats faster than numpy does."""


def clean_rows(rows: Sequence[Any], plan: SignaturePlan) -> Arrays | None:
    """Makes arrays of rows that are objects of inputs.

    Args:
        rows: At least one.
        plan: Of the signature.

    Returns:
        Input name to array [rows, …], as PackedRows where every value is a scalar;
        None: some value is not plain.
    """
    if plan.is_one_base64 or set(map(type, rows)) != {dict}:
        return None
    if set(map(len, rows)) != {len(plan.inputs)}:
        return None
    try:
        return _packed(rows, plan) or _arrays(rows, plan)
    except KeyError:
        return None


def _packed(rows: Sequence[Any], plan: SignaturePlan) -> PackedRows | None:
    """Reads all inputs of a block at once; None: some value is no plain scalar."""
    blocks = []
    values: Sequence[Any]
    for block in plan.blocks:
        if len(rows) == 1:
            values = block.pick(rows[0])
        else:
            values = list(chain.from_iterable(map(block.pick, rows)))
        flat = _clean_flat(values, block.first)
        if flat is None:
            return None
        blocks.append(flat.reshape(len(rows), len(block.names)))
    return PackedRows(plan.layout, blocks)


def _arrays(rows: Sequence[Any], plan: SignaturePlan) -> Arrays | None:
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name, input_plan in plan.inputs.items():
        array = clean_tensor([row[name] for row in rows], input_plan)
        if array is None:
            return None
        arrays[name] = array
    return arrays


def clean_columns(
    columns: Mapping[str, Any], plan: SignaturePlan
) -> dict[str, npt.NDArray[Any]]:
    """Makes arrays of those columns of an object of inputs that are plain.

    Args:
        columns: Input name to value; it may lack some, and hold others.
        plan: Of the signature.

    Returns:
        Input name to array; without the inputs that are not plain.
    """
    arrays: dict[str, npt.NDArray[Any]] = {}
    for block in plan.blocks:
        values = [columns.get(name) for name in block.names]
        lists = [value for value in values if type(value) is list]
        if len(lists) == len(values) and len(set(map(len, lists))) == 1:
            flat = _clean_flat(list(chain.from_iterable(lists)), block.first)
            if flat is not None:
                shared = flat.reshape(len(lists), len(lists[0]))
                arrays.update(zip(block.names, shared, strict=True))
                continue
        for input_plan, value in zip(block.plans, values, strict=True):
            array = clean_tensor(value, input_plan) if type(value) is list else None
            if array is not None:
                arrays[input_plan.name] = array
    return arrays


def clean_tensor(values: list[Any], plan: InputPlan) -> npt.NDArray[Any] | None:
    """Makes an array of lists in lists.

    Args:
        values: The outermost list.
        plan: Of the input it is for.

    Returns:
        The array; None: some value is not plain.
    """
    shape, level = [len(values)], values
    while level and type(level[0]) is list:
        size = len(level[0])
        if set(map(type, level)) != {list} or set(map(len, level)) != {size}:
            return None
        if len(shape) == MAX_RANK:
            return None
        shape.append(size)
        level = list(chain.from_iterable(level))
    flat = _clean_flat(level, plan)
    return None if flat is None else flat.reshape(shape)


def _clean_flat(values: Sequence[Any], plan: InputPlan) -> npt.NDArray[Any] | None:
    types = set(map(type, values))
    is_many = plan.element.kind is Kind.FLOAT and len(values) > _FEW
    return (_many_floats if is_many else _few)(values, types, plan)


def _few(
    values: Sequence[Any], types: set[type], plan: InputPlan
) -> npt.NDArray[Any] | None:
    element = plan.element
    if _NONE in types:
        if not plan.is_nullable:
            return None
        present = [value for value in values if value is not None]
        if not _are_clean(present, types - {_NONE}, element):
            return None
        if element.kind is Kind.FLOAT:
            return np.array(values, element.dtype)  # numpy takes None for NaN
        values = ["" if value is None else value for value in values]
    elif not _are_clean(values, types, element):
        return None
    if element.kind is Kind.TEXT:
        return np.array(list(map(str.encode, values)), object)
    return np.array(values, element.dtype)


def _many_floats(
    values: Sequence[Any], types: set[type], plan: InputPlan
) -> npt.NDArray[Any] | None:
    """What _few does, by numpy."""
    if not types <= (_NUMBERS | {_NONE} if plan.is_nullable else _NUMBERS):
        return None
    element = plan.element
    try:
        wide = np.array(values, np.float64)  # numpy takes None for NaN
    except OverflowError:
        return None
    limit = element.max_whole if int in types else element.high
    # A whole number that is too large is so as a float64, too. fmax passes NaN over.
    is_clean = not np.fmax.reduce(np.abs(wide)) > limit
    return wide.astype(element.dtype) if is_clean else None


def _are_clean(values: Sequence[Any], types: set[type], element: ElementType) -> bool:
    """Whether all can be converted; NaN, which compares with none, may say no."""
    kind = element.kind
    if kind is Kind.TEXT:
        return types <= _TEXTS
    if kind is Kind.BOOL:
        return types <= {bool}
    if kind is Kind.UNKNOWN or not types <= (_NUMBERS if kind is Kind.FLOAT else {int}):
        return False
    if not values:
        return True
    low, high = min(values), max(values)
    if kind is Kind.FLOAT and int in types:
        limit = element.max_whole
        return bool(-limit <= low and high <= limit)
    return bool(element.low <= low and high <= element.high)

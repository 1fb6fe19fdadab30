"""Puts tables of different files together: of other versions, or with other masks."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa


def concatenated(tables: Sequence[Any]) -> Any:
    """Returns all rows in order.

    A column or a struct's field that a table lacks is null there; a type that differs
    becomes the wider one (int64 and float32: float64; anything and text: text).

    Args:
        tables: At least one.
    """
    first = tables[0].schema
    if all(table.schema.equals(first) for table in tables):
        return pa.concat_tables(tables)
    fields: dict[str, Any] = {}
    for table in tables:
        for field in table.schema:
            fields[field.name] = _common(fields.get(field.name), field.type)
    schema = pa.schema(list(fields.items()))
    return pa.concat_tables([_shaped(table, schema) for table in tables])


def _common(known: Any, other: Any) -> Any:
    if known is None or known == other or pa.types.is_null(known):
        return other
    if pa.types.is_null(other):
        return known
    if pa.types.is_struct(known) and pa.types.is_struct(other):
        fields = {field.name: field.type for field in known}
        for field in other:
            fields[field.name] = _common(fields.get(field.name), field.type)
        return pa.struct(list(fields.items()))
    if _is_number(known) and _is_number(other):
        return pa.float64()
    return pa.string()


def _is_number(kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _shaped(table: Any, schema: Any) -> Any:
    columns = []
    for field in schema:
        if field.name not in table.column_names:
            columns.append(pa.nulls(table.num_rows, field.type))
            continue
        chunks = [
            _shaped_array(chunk, field.type) for chunk in table[field.name].chunks
        ]
        columns.append(pa.chunked_array(chunks, field.type))
    return pa.Table.from_arrays(columns, schema=schema)


def _shaped_array(array: Any, kind: Any) -> Any:
    if array.type == kind:
        return array
    if not pa.types.is_struct(kind):
        return array.cast(kind)
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), kind)
    held = {field.name for field in array.type}
    children = [
        _shaped_array(array.field(field.name), field.type)
        if field.name in held
        else pa.nulls(len(array), field.type)
        for field in kind
    ]
    return pa.StructArray.from_arrays(children, fields=list(kind), mask=array.is_null())

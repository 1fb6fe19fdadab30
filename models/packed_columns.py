"""Columns of a traced graph put side by side, in as few operations as there can be.

A transform graph takes apart the matrices it computes, as each feature is to have a
name; a network that wants matrices puts them together again. Where a matrix is taken
apart and put together in the same order, it is taken as it is.
"""

from collections.abc import Iterator, Sequence

import tensorflow as tf


def packed(columns: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns tf.stack(columns, axis=1).

    Args:
        columns: [batch] each, of one dtype; at least one.

    Returns:
        [batch, columns]
    """
    matrices = list(_matrices(columns))
    return matrices[0] if len(matrices) == 1 else tf.concat(matrices, axis=1)


def _matrices(columns: Sequence[tf.Tensor]) -> Iterator[tf.Tensor]:
    """Yields matrices that hold the columns, in order."""
    loose: list[tf.Tensor] = []
    place = 0
    while place < len(columns):
        matrix = _matrix_from(columns[place:])
        if matrix is None:
            loose.append(columns[place])
            place += 1
            continue
        if loose:
            yield tf.stack(loose, axis=1)
            loose = []
        yield matrix
        place += matrix.shape[1]
    if loose:
        yield tf.stack(loose, axis=1)


def _matrix_from(columns: Sequence[tf.Tensor]) -> tf.Tensor | None:
    """Returns the matrix whose columns the first ones are, all of them in order."""
    unpacking = _origin(columns[0]).op
    if unpacking.type != "Unpack" or unpacking.get_attr("axis") != 1:
        return None
    origins = [_origin(column).ref() for column in columns[: len(unpacking.outputs)]]
    if origins != [column.ref() for column in unpacking.outputs]:
        return None
    (matrix,) = unpacking.inputs
    matrix.set_shape([None, len(unpacking.outputs)])
    return matrix


def _origin(column: tf.Tensor) -> tf.Tensor:
    while column.op.type == "Identity":
        (column,) = column.op.inputs
    return column

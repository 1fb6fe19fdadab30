"""Columns side by side: what tf.stack gives, by fewer operations."""

import numpy as np
import pytest
import tensorflow as tf

from models.packed_columns import packed

LEFT = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
RIGHT = [[7.0, 8.0], [9.0, 10.0]]


def _columns() -> list[tf.Tensor]:
    """Returns the columns of LEFT, as a graph gives them out, of RIGHT, and another."""
    left = tf.unstack(tf.identity(LEFT), axis=1)
    right = tf.unstack(tf.identity(RIGHT), axis=1)
    return [*map(tf.identity, left), *right, tf.constant([11.0, 12.0])]


@pytest.mark.parametrize(
    ("places", "operations"),
    [
        pytest.param([0, 1, 2, 3, 4], {"ConcatV2": 1, "Pack": 0}, id="both"),
        pytest.param([0, 1, 2, 5, 3, 4], {"ConcatV2": 1, "Pack": 1}, id="between"),
        pytest.param([0, 2, 1, 3, 4], {"ConcatV2": 1, "Pack": 1}, id="turned"),
        pytest.param([0, 1, 3, 4, 2], {"ConcatV2": 1, "Pack": 2}, id="part"),
        pytest.param([3, 4, 3, 4], {"ConcatV2": 1, "Pack": 0}, id="twice"),
        pytest.param([5], {"ConcatV2": 0, "Pack": 1}, id="single"),
        pytest.param([4], {"ConcatV2": 0, "Pack": 1}, id="last"),
    ],
)
def test_it_is_tf_stack(places, operations):
    @tf.function(autograph=False)
    def both():
        columns = _columns()
        chosen = [columns[place] for place in places]
        return packed(chosen), tf.stack(chosen, axis=1, name="expected")

    graph = both.get_concrete_function().graph
    matrix, expected = both()
    np.testing.assert_array_equal(matrix.numpy(), expected.numpy())
    found = [op.type for op in graph.get_operations() if op.name != "expected"]
    assert {name: found.count(name) for name in operations} == operations


def test_a_whole_matrix_is_taken_as_it_is():
    @tf.function(autograph=False)
    def whole():
        return packed(_columns()[:3])

    operations = whole.get_concrete_function().graph.get_operations()
    assert whole().numpy().tolist() == LEFT
    assert not {"Pack", "ConcatV2"} & {op.type for op in operations}


def test_rows_taken_apart_are_not_taken_for_columns():
    @tf.function(autograph=False)
    def turned():
        square = tf.constant([[1.0, 2.0], [3.0, 4.0]])
        return packed(tf.unstack(square, axis=0))

    assert turned().numpy().tolist() == [[1.0, 3.0], [2.0, 4.0]]

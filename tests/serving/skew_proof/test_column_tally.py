"""Served against replayed, value by value."""

import numpy as np
import pyarrow as pa
import pytest

from serving.skew_proof.column_tally import ColumnTally

NAN, INF = float("nan"), float("inf")


def tally_of(served, replayed, kind=None):
    tally = ColumnTally()
    differing = tally.add(pa.array(served, kind), np.array(replayed))
    return tally, differing.tolist()


@pytest.mark.parametrize(
    ("served", "replayed", "differs"),
    [
        # Around 0 the absolute part counts: 1e-6 + 1e-6 * |replayed|.
        (9e-7, 0.0, False),
        (1.1e-6, 0.0, True),
        # At 1,000 the relative one: 1e-6 + 1e-3.
        (1000.0009, 1000.0, False),
        (1000.0011, 1000.0, True),
        (NAN, NAN, False),
        (NAN, 1.0, True),
        (1.0, NAN, True),
        (INF, INF, False),
        (INF, -INF, True),
    ],
)
def test_floats_are_equal_within_the_tolerance(served, replayed, differs):
    tally, found = tally_of([served], [replayed], pa.float64())
    assert tally.num_differing == int(differs)
    assert found == ([0] if differs else [])


def test_ids_must_be_equal():
    tally, found = tally_of([7, 8, 7], [7, 7, 9])
    assert found == [1, 2]
    assert tally.pairs == {(8, 7): 1, (7, 9): 1}
    assert (tally.worst_place, tally.served, tally.replayed) == (1, 8, 7)


def test_large_ids_are_not_rounded():
    tally, _ = tally_of([2**60 + 1], [2**60])
    assert tally.num_differing == 1


def test_texts_must_be_equal():
    tally, found = tally_of(["late", "late"], np.array([b"late", b"on_time"], object))
    assert found == [1]
    assert (tally.served, tally.replayed) == ("late", "on_time")


def test_the_worst_row_of_all_batches_is_kept():
    tally = ColumnTally()
    tally.add(pa.array([1.0, 1.5]), np.array([1.0, 1.0]))
    assert (tally.worst_place, tally.served) == (1, 1.5)
    tally.add(pa.array([1.2]), np.array([1.0]))
    assert (tally.worst_place, tally.served) == (None, 1.5)
    tally.add(pa.array([3.0]), np.array([1.0]))
    assert (tally.worst_place, tally.served) == (0, 3.0)
    assert (tally.num_rows, tally.num_differing) == (4, 3)


def test_rows_the_log_does_not_have_are_not_compared():
    tally, found = tally_of([None, 2, None], [1, 1, 1], pa.int64())
    assert (tally.num_rows, found) == (1, [1])
    assert tally_of([None], [1], pa.int64())[0].num_rows == 0


def test_vectors_are_compared_as_a_row_each():
    replayed = [[0.1, 0.9], [0.5, 0.5]]
    _, found = tally_of([[0.1, 0.9], [0.4, 0.6]], replayed)
    assert found == [1]
    _, found = tally_of([[0.1, 0.9], [0.5]], replayed)
    assert found == [1]


def test_another_type_is_never_equal():
    _, found = tally_of([7.0], [7])
    assert found == []
    _, found = tally_of(["7"], [7])
    assert found == [0]

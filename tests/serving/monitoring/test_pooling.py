import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from serving.monitoring.pooling import (
    MAX_CELLS,
    MIN_EXPECTED,
    pool_neighbours,
    pool_rare,
    pooled,
)

COUNTS = st.lists(
    st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=1, max_size=60
)


def counts(*values):
    return np.array(values, np.float64)


def test_bins_with_rows_enough_stay_apart():
    groups = pool_neighbours(counts(50, 50, 50), counts(50, 50, 50))
    assert groups.tolist() == [0, 1, 2]


def test_a_poor_bin_joins_the_next_and_the_last_one_its_neighbour():
    # Both sides have 100 rows: a cell needs 20 of both together.
    groups = pool_neighbours(counts(5, 45, 47, 3), counts(5, 45, 47, 3))
    assert groups.tolist() == [0, 0, 1, 1]


def test_frequent_values_stay_apart_and_rare_ones_are_pooled():
    now, then = counts(55, 6, 6, 33, 0), counts(55, 6, 6, 33, 0)
    assert pool_rare(now, then).tolist() == [1, 0, 0, 2, 0]


def test_others_without_rows_enough_take_in_the_rarest_that_stayed():
    now, then = counts(60, 39, 1), counts(60, 39, 1)
    assert pool_rare(now, then).tolist() == [1, 0, 0]


def test_values_that_an_unlisted_one_could_equal_are_not_kept_apart():
    now, then = counts(30, 20, 0, 50), counts(300, 200, 0, 500)
    assert pool_rare(now, then).tolist() == [1, 2, 0, 0]
    # An unlisted value may have had 200 rows then, and some 40 more now.
    assert pool_rare(now, then, least_listed=200.0).tolist() == [1, 0, 0, 0]


def test_rows_that_share_a_measurement_need_larger_cells():
    now = counts(50, 50, 50, 50)
    assert pool_neighbours(now, now, design_effect=10.0).tolist() == [0, 0, 1, 1]


def test_a_side_without_rows_is_one_cell():
    now, then = counts(0, 0, 0), counts(5, 5, 5)
    assert pool_neighbours(now, then).tolist() == [0, 0, 0]
    assert pool_rare(now, then).tolist() == [0, 0, 0]


@given(COUNTS)
def test_cells_are_the_same_whichever_side_is_now(pairs):
    now, then = np.array(pairs, np.float64).T
    if not (now.sum() and then.sum()):
        return
    assert pool_neighbours(now, then).tolist() == pool_neighbours(then, now).tolist()
    assert pool_rare(now, then).tolist() == pool_rare(then, now).tolist()


@given(COUNTS)
def test_no_row_is_lost_and_every_cell_has_rows_enough(pairs):
    now, then = np.array(pairs, np.float64).T
    for groups in (pool_neighbours(now, then), pool_rare(now, then)):
        cells = pooled(now, groups), pooled(then, groups)
        assert cells[0].sum() == now.sum()
        assert cells[1].sum() == then.sum()
        if len(cells[0]) == 1:
            continue
        assert len(cells[0]) <= max(MAX_CELLS, len(pairs))
        smaller = min(now.sum(), then.sum())
        both = cells[0] + cells[1]
        assert (both * smaller / both.sum() >= MIN_EXPECTED - 1e-9).all()


def test_there_are_never_more_cells_of_a_text_than_a_report_can_show():
    now = np.full(200, 1000.0)
    assert pool_rare(now, now).max() + 1 == MAX_CELLS

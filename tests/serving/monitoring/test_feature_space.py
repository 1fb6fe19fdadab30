import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.monitoring.feature_space import (
    MISSING,
    CategorySpace,
    NumericSpace,
    SpaceError,
    count_codes,
)

TENS = NumericSpace(edges=np.array([10, 20, 30], np.float32), low=0.0, high=40.0)
CARRIERS = CategorySpace(values=("UA", "B6"), is_complete=True)


def test_a_bin_ends_with_its_edge_and_begins_after_the_one_before():
    column = pa.array([0.0, 10.0, 10.5, 20.0, 30.0, 35.0])
    assert TENS.encode(column).tolist() == [1, 1, 2, 2, 3, 3]


def test_null_and_nan_are_missing():
    assert TENS.encode(pa.array([None, float("nan")])).tolist() == [MISSING, MISSING]


def test_the_range_is_inclusive_and_beyond_it_has_codes_of_its_own():
    column = pa.array([-0.5, 0.0, 40.0, 40.5, float("inf"), float("-inf")])
    assert TENS.encode(column).tolist() == [4, 1, 3, 5, 5, 4]


def test_what_is_out_of_range_counts_in_the_bin_at_that_end():
    counts = count_codes(TENS.encode(pa.array([-1.0, 5.0, 15.0, 99.0, None])), TENS)
    assert counts.tolist() == [1, 1, 1, 0, 1, 1]
    assert TENS.value_counts(counts).tolist() == [2, 1, 1]


def test_a_double_lies_on_the_edge_that_its_float32_lies_on():
    # 0.1 as float32 is 0.100000001: as a double 0.1 is below, not on it.
    space = NumericSpace(edges=np.array([0.1, 0.2], np.float32), low=0.1, high=0.2)
    values = [0.1, 0.2, float(np.float32(0.1)), float(np.float32(0.2))]
    assert space.encode(pa.array(values, pa.float64())).tolist() == [1, 2, 1, 2]


@pytest.mark.parametrize("kind", [pa.int64(), pa.float32(), pa.float64(), pa.int8()])
def test_every_kind_of_number_is_counted_alike(kind):
    assert TENS.encode(pa.array([5, 15, None], kind)).tolist() == [1, 2, MISSING]


def test_labels_name_every_bin():
    assert TENS.labels == ("≤ 10", "10 … 20", "20 … 30")
    assert len(TENS.labels) == TENS.num_bins


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["UA", "B6", "ZZ", "", None]),
        pa.array(["UA", "B6", "ZZ", "", None], pa.large_string()),
        pa.array(["UA", "B6", "ZZ", "", None]).dictionary_encode(),
        pa.chunked_array([["UA", "B6"], ["ZZ", "", None]]),
        pa.chunked_array(
            [
                pa.array(["UA", "B6"]).dictionary_encode(),
                pa.array(["ZZ", "", None]).dictionary_encode(),
            ]
        ),
    ],
)
def test_every_way_to_hold_a_text_is_counted_alike(column):
    assert CARRIERS.encode(column).tolist() == [1, 2, 3, MISSING, MISSING]


def test_a_column_that_never_had_a_value_is_missing_throughout():
    assert CARRIERS.encode(pa.nulls(2)).tolist() == [MISSING, MISSING]
    assert TENS.encode(pa.nulls(2)).tolist() == [MISSING, MISSING]


def test_numbers_where_training_had_text_are_refused_and_the_other_way_round():
    with pytest.raises(SpaceError, match="int64 where training had text"):
        CARRIERS.encode(pa.array([1, 2]))
    with pytest.raises(SpaceError, match="string where training had numbers"):
        TENS.encode(pa.array(["1"]))


@given(
    st.lists(st.floats(-(2.0**90), 2.0**90, width=32), min_size=1, max_size=50),
    st.sampled_from([2.0, 0.5, 1024.0]),
)
def test_another_unit_on_both_sides_changes_no_code(values, factor):
    edges = np.unique(np.array(values, np.float32))
    middle = edges[: (len(edges) + 1) // 2]
    space = NumericSpace(edges=middle, low=-np.inf, high=np.inf)
    scaled = NumericSpace(edges=np.unique(middle * factor), low=-np.inf, high=np.inf)
    if len(scaled.edges) < len(middle):
        return  # underflow made two edges one
    column = np.array(values, np.float32)
    assert space.encode_values(column).tolist() == (
        scaled.encode_values(column * np.float32(factor)).tolist()
    )


@given(st.lists(st.sampled_from(["UA", "B6", "ZZ", "", None]), max_size=40))
def test_counts_add_up_to_the_rows_whatever_their_order(values):
    counts = count_codes(CARRIERS.encode(pa.array(values, pa.string())), CARRIERS)
    backwards = CARRIERS.encode(pa.array(values[::-1], pa.string()))
    assert counts.sum() == len(values)
    assert counts.tolist() == count_codes(backwards, CARRIERS).tolist()

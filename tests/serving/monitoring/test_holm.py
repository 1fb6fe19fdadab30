import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.monitoring.holm import holm

P_VALUES = st.lists(st.floats(0, 1), max_size=30)


def test_the_smallest_counts_for_all_and_the_largest_for_itself():
    # 0.01 * 3; 0.02 * 2 = 0.04; 0.5 * 1.
    assert holm([0.5, 0.01, 0.02]) == pytest.approx([0.5, 0.03, 0.04])


def test_a_larger_p_value_is_never_adjusted_below_a_smaller_one():
    # 0.02 * 2 = 0.04; 0.03 * 1 is raised to it.
    assert holm([0.02, 0.03]) == pytest.approx([0.04, 0.04])


def test_nothing_to_correct_is_no_error():
    assert holm([]) == []


@given(P_VALUES)
def test_adjusted_values_are_no_smaller_and_stay_probabilities(values):
    for value, adjusted in zip(values, holm(values), strict=True):
        assert value <= adjusted <= 1


@given(P_VALUES, st.randoms())
def test_the_order_of_tests_does_not_matter(values, random):
    shuffled = list(values)
    random.shuffle(shuffled)
    assert sorted(holm(shuffled)) == pytest.approx(sorted(holm(values)))

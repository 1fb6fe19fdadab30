import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import fisher_exact, hypergeom

from serving.monitoring import rate_tests
from serving.monitoring.rate_tests import (
    difference_interval,
    rate_p_value,
    tails_p_value,
)

counts = st.integers(0, 30)


def test_the_lady_tasting_tea_is_fishers_own():
    # 3 of 4 cups right on one side, 1 of 4 on the other: (16 + 1) / 70.
    assert rate_p_value(3, 4, 1, 4, "greater") == pytest.approx(17 / 70)
    assert rate_p_value(3, 4, 1, 4, "two-sided") == pytest.approx(34 / 70)


def test_two_sided_is_never_more_than_certain():
    assert rate_p_value(2, 4, 2, 4, "two-sided") == 1.0


@given(counts, counts, counts, counts)
def test_one_sided_equals_scipys_exact_test(hits, others, before, before_others):
    if hits + others == 0 or before + before_others == 0:
        return
    table = [[hits, others], [before, before_others]]
    expected = fisher_exact(table, alternative="greater").pvalue
    found = rate_p_value(hits, hits + others, before, before + before_others, "greater")
    assert found == pytest.approx(expected, abs=1e-12)


def test_rows_on_one_side_only_prove_nothing():
    assert rate_p_value(0, 0, 5, 10, "two-sided") == 1.0
    assert rate_p_value(5, 10, 0, 0, "greater") == 1.0


def test_a_rate_that_fell_is_no_rise_but_a_change():
    assert rate_p_value(0, 100, 50, 100, "greater") == 1.0
    assert rate_p_value(0, 100, 50, 100, "two-sided") < 1e-15


@pytest.mark.parametrize("shift", [0, 30, 90, 150])
def test_the_normal_tail_of_many_rows_is_near_the_exact_one(shift):
    # 10,000 of 30,000 are expected; the spread is about 77.
    hits, rows, before, reference_rows = 10_000 + shift, 30_000, 90_000, 270_000
    total, drawn = rows + reference_rows, hits + before
    exact = hypergeom.sf(hits - 1, total, drawn, rows)
    assert rate_p_value(hits, rows, before, reference_rows, "greater") == (
        pytest.approx(exact, rel=0.02)
    )


def test_few_expected_rows_are_counted_exactly_however_many_there_are(monkeypatch):
    # 3 of a million then; 3 more of 10,000 now: a normal would say 1e-60.
    found = rate_p_value(3, 10_000, 3, 1_000_000, "greater")
    exact = hypergeom.sf(2, 1_010_000, 6, 10_000)
    assert found == pytest.approx(exact, rel=1e-6)
    monkeypatch.setattr(rate_tests, "_EXACT_BELOW", 0.0)
    assert rate_p_value(3, 10_000, 3, 1_000_000, "greater") < exact / 100


def test_the_next_record_comes_with_probability_one_in_all_rows():
    # One row beyond the largest of nine: it is the largest of ten, by chance 1 in 10.
    assert tails_p_value(0, 1, 1, (0, 0, 9)) == pytest.approx(2 / 10)
    assert tails_p_value(1, 0, 1, (0, 0, 9)) == pytest.approx(2 / 10)


def test_both_ends_of_the_range_are_judged_apart():
    # One row beyond either end of 100 + 100: each by chance 1/2; a sum of two would
    # have been taken for 1/4.
    assert tails_p_value(1, 1, 100, (0, 0, 100)) == 1.0


def test_records_are_as_rare_as_they_are_said_to_be():
    generator = np.random.default_rng(5)
    num_found = 0
    for _ in range(2000):
        then, now = generator.normal(size=200), generator.normal(size=100)
        below, above = (now < then.min()).sum(), (now > then.max()).sum()
        num_found += tails_p_value(below, above, 100, (0, 0, 200)) <= 0.05
    assert num_found <= 2000 * 0.05 + 3 * np.sqrt(2000 * 0.05)


def test_newcombes_own_example_gives_newcombes_interval():
    # 56/70 against 48/80, Statistics in Medicine 17 (1998), table II (a), method 10.
    found = difference_interval(56, 70, (48, 80), 0.95)
    assert (round(found.low, 4), round(found.high, 4)) == (0.0524, 0.3339)


def test_no_rows_have_no_interval():
    assert difference_interval(0, 0, (48, 80), 0.95) is None
    assert difference_interval(1, 2, (0, 0), 0.95) is None

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import chdtrc, kolmogorov, ndtr
from scipy.stats import chi2_contingency

from serving.monitoring.distribution_tests import (
    DISTANCES,
    Cells,
    chi_square,
    jensen_shannon,
    ks,
    l_infinity,
    psi,
)

# p = (0.5, 0.3, 0.2) of 100 rows, q = (0.25, 0.25, 0.5) of 400.
CELLS = Cells(now=np.array([50.0, 30.0, 20.0]), then=np.array([100.0, 100.0, 200.0]))
NOISE = 1 / 100 + 1 / 400
PAIRS = st.lists(
    st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=8
).filter(lambda pairs: all(sum(side) for side in zip(*pairs, strict=True)))


def cells_of(pairs, design_effect=1.0):
    now, then = np.array(pairs, np.float64).T
    return Cells(now=now, then=then, design_effect=design_effect)


def test_ks_is_the_largest_difference_of_cumulative_shares():
    # P = 0.5, 0.8; Q = 0.25, 0.5.
    found = ks(CELLS)
    assert found.statistic == pytest.approx(0.3)
    assert found.p_value == pytest.approx(kolmogorov(0.3 / math.sqrt(NOISE)))


def test_psi_counts_half_a_row_more_in_each_cell():
    p = np.array([50.5, 30.5, 20.5]) / 101.5
    q = np.array([100.5, 100.5, 200.5]) / 401.5
    expected = sum((a - b) * math.log(a / b) for a, b in zip(p, q, strict=True))
    found = psi(CELLS)
    assert found.statistic == pytest.approx(expected)
    assert found.p_value == pytest.approx(chdtrc(2, expected / NOISE))


def test_jensen_shannon_is_the_mean_of_two_divergences_from_the_middle():
    found = jensen_shannon(
        Cells(now=np.array([100.0, 0.0]), then=np.array([50.0, 50.0]))
    )
    # a = (0.75, 0.25): (log2(4/3) + 0.5 log2(2/3) + 0.5 log2(2)) / 2
    expected = (math.log2(4 / 3) + 0.5 * math.log2(2 / 3) + 0.5) / 2
    assert found.statistic == pytest.approx(expected)
    quadratic = 8 * math.log(2) * expected / (1 / 100 + 1 / 100)
    assert found.p_value == pytest.approx(chdtrc(1, quadratic))


def test_jensen_shannon_of_disjoint_distributions_is_one_bit():
    disjoint = Cells(now=np.array([10.0, 0.0]), then=np.array([0.0, 30.0]))
    assert jensen_shannon(disjoint).statistic == pytest.approx(1.0)


def test_l_infinity_is_the_largest_difference_and_its_p_value_a_sum():
    found = l_infinity(CELLS)
    assert found.statistic == pytest.approx(0.3)
    pooled = np.array([150, 130, 220]) / 500
    tails = [2 * ndtr(-0.3 / math.sqrt(s * (1 - s) * NOISE)) for s in pooled]
    assert found.p_value == pytest.approx(sum(tails))


def test_chi_square_is_scipys_and_is_shown_as_cohens_w():
    found = chi_square(CELLS)
    table = np.array([CELLS.now, CELLS.then])
    expected = chi2_contingency(table, correction=False)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.statistic**2 / NOISE == pytest.approx(expected.statistic)
    assert f"{expected.statistic:.4g}" in found.formula


def test_the_formula_tells_cells_and_rows():
    assert "3 cells, n=100, m=400" in psi(CELLS).formula


@pytest.mark.parametrize("name", DISTANCES)
@given(pairs=PAIRS)
def test_equal_shares_are_no_distance(name, pairs):
    now = np.array([first for first, _ in pairs], np.float64)
    found = DISTANCES[name](Cells(now=now, then=now))
    assert found.statistic == pytest.approx(0.0, abs=1e-9)
    assert found.p_value == pytest.approx(1.0)


@pytest.mark.parametrize("name", sorted(set(DISTANCES) - {"ks"}))
@given(pairs=PAIRS, seed=st.integers(0, 1000))
def test_the_order_of_categories_does_not_matter(name, pairs, seed):
    order = np.random.default_rng(seed).permutation(len(pairs))
    before, after = cells_of(pairs), cells_of(np.array(pairs)[order])
    assert DISTANCES[name](after).statistic == pytest.approx(
        DISTANCES[name](before).statistic, abs=1e-9
    )


@given(pairs=PAIRS)
def test_ks_does_not_care_which_end_is_first(pairs):
    found, reverse = ks(cells_of(pairs)), ks(cells_of(pairs[::-1]))
    assert found.statistic == pytest.approx(reverse.statistic, abs=1e-12)


@pytest.mark.parametrize("name", DISTANCES)
@given(pairs=PAIRS)
def test_now_and_then_can_be_exchanged(name, pairs):
    found = DISTANCES[name](cells_of(pairs))
    other = DISTANCES[name](cells_of([(then, now) for now, then in pairs]))
    assert found.statistic == pytest.approx(other.statistic, abs=1e-9)
    assert found.p_value == pytest.approx(other.p_value, abs=1e-9)


@pytest.mark.parametrize("name", DISTANCES)
@given(pairs=PAIRS)
def test_every_statistic_and_p_value_stays_in_its_range(name, pairs):
    found = DISTANCES[name](cells_of(pairs))
    assert found.statistic >= 0
    assert 0 <= found.p_value <= 1
    if name in ("ks", "l_infinity", "jensen_shannon"):
        assert found.statistic <= 1 + 1e-12


@pytest.mark.parametrize("name", DISTANCES)
def test_rows_that_share_a_measurement_prove_as_much_as_fewer_rows(name):
    shared = cells_of([(500, 1000), (300, 1000), (200, 2000)], design_effect=10)
    fewer = cells_of([(50, 100), (30, 100), (20, 200)])
    found, expected = DISTANCES[name](shared), DISTANCES[name](fewer)
    if name == "psi":  # its half rows weigh less among more
        assert found.p_value == pytest.approx(expected.p_value, rel=0.5)
    else:
        assert found.p_value == pytest.approx(expected.p_value)
    assert "design effect 10" in found.formula


@pytest.mark.parametrize("name", DISTANCES)
def test_p_values_of_rows_that_did_not_change_are_not_too_small(name):
    generator = np.random.default_rng(3)
    shares = np.array([0.3, 0.25, 0.2, 0.1, 0.1, 0.05])
    now = generator.multinomial(400, shares, 4000).astype(np.float64)
    then = generator.multinomial(900, shares, 4000).astype(np.float64)
    found = [
        DISTANCES[name](Cells(now=one, then=other)).p_value
        for one, other in zip(now, then, strict=True)
    ]
    for level in (0.1, 0.01):
        most = 4000 * level + 3 * math.sqrt(4000 * level)
        assert sum(value <= level for value in found) <= most


@pytest.mark.parametrize("name", ["psi", "jensen_shannon", "chi_square"])
def test_the_null_distribution_is_the_chi_square_and_no_bound(name):
    generator = np.random.default_rng(4)
    shares = np.full(5, 0.2)
    pairs = zip(
        generator.multinomial(2000, shares, 4000),
        generator.multinomial(3000, shares, 4000),
        strict=True,
    )
    found = [
        DISTANCES[name](Cells(now=one * 1.0, then=other * 1.0)).p_value
        for one, other in pairs
    ]
    assert sum(value <= 0.5 for value in found) == pytest.approx(2000, abs=130)

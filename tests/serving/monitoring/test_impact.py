import numpy as np
import pyarrow as pa
import pytest

from serving.monitoring.feature_space import MISSING, CategorySpace, NumericSpace
from serving.monitoring.impact import (
    PRIOR_ROWS,
    Sensitivity,
    measure_impact,
    sensitivity,
)

SPACE = CategorySpace(values=("a", "b"), is_complete=True)
GROUPS = np.array([1, 2, 0])


def rows(missing, *values):
    return np.array([missing, *values], np.float64)


def exact(*means):
    """Mean predictions that are known without noise."""
    return Sensitivity(np.array(means), np.zeros(len(means)))


def test_the_mean_prediction_of_a_cell_is_drawn_towards_the_mean_of_all():
    codes = SPACE.encode(pa.array(["a"] * 60 + ["b"] * 20))
    predictions = np.array([0.2] * 60 + [0.6] * 20)
    found = sensitivity(codes, predictions, SPACE).means
    mean = (60 * 0.2 + 20 * 0.6) / 80
    assert found[1] == pytest.approx((60 * 0.2 + PRIOR_ROWS * mean) / (60 + PRIOR_ROWS))
    assert found[2] == pytest.approx((20 * 0.6 + PRIOR_ROWS * mean) / (20 + PRIOR_ROWS))
    assert found[MISSING] == pytest.approx(mean)  # no row: nothing but the mean


def test_rows_without_a_prediction_say_nothing():
    codes = SPACE.encode(pa.array(["a", "b"]))
    assert sensitivity(codes, np.array([np.nan, np.nan]), SPACE) is None
    with_one = sensitivity(codes, np.array([np.nan, 0.4]), SPACE)
    assert with_one.means == pytest.approx(np.full(4, 0.4))


def test_a_shift_between_two_cells_moves_the_mean_by_their_difference():
    # A million rows each, so that nothing is left to chance: 20 points from a to b.
    now, then = rows(0, 3e5, 7e5, 0), rows(0, 5e5, 5e5, 0)
    found = measure_impact(now, then, exact(0.0, 0.1, 0.4, 0.0), GROUPS)
    assert found.mean_shift == pytest.approx(-0.2 * 0.1 + 0.2 * 0.4)
    # The mean of both sides' rows is 0.28: 0.2 * 0.18 + 0.2 * 0.12.
    assert found.size == pytest.approx(0.06, rel=1e-3)


def test_a_shift_that_leaves_the_mean_has_an_impact_all_the_same():
    means = exact(0.3, 0.2, 0.4, 0.0)
    now, then = rows(0, 5e5, 5e5, 0), rows(1e6, 0, 0, 0)
    found = measure_impact(now, then, means, GROUPS)
    assert found.mean_shift == pytest.approx(0.0)
    assert found.size == pytest.approx(0.1, rel=1e-3)


def test_a_feature_that_does_not_matter_has_no_impact_however_it_shifts():
    now, then = rows(0, 1e5, 9e5, 0), rows(0, 9e5, 1e5, 0)
    found = measure_impact(now, then, exact(0.25, 0.25, 0.25, 0.25), GROUPS)
    assert found.size == pytest.approx(0.0)
    assert found.mean_shift == pytest.approx(0.0)


def test_a_column_that_is_gone_has_the_impact_of_what_is_predicted_without_it():
    means = exact(0.5, 0.2, 0.2, 0.2)
    found = measure_impact(rows(1e6, 0, 0, 0), rows(0, 5e5, 5e5, 0), means, GROUPS)
    assert found.mean_shift == pytest.approx(0.3)


def test_chance_alone_has_hardly_an_impact():
    generator = np.random.default_rng(0)
    means = exact(0.0, 0.1, 0.5, 0.0)
    found = [
        measure_impact(
            rows(0, *generator.multinomial(400, [0.5, 0.5]), 0),
            rows(0, 5e6, 5e6, 0),
            means,
            GROUPS,
        ).size
        for _ in range(200)
    ]
    # Without taking chance off it were 0.8 * 0.025 * 2 * 0.2 = 0.008 on average.
    assert np.median(found) == 0
    assert np.mean(found) < 0.005


def test_noise_of_mean_predictions_is_no_impact():
    generator = np.random.default_rng(0)
    space = NumericSpace(edges=np.arange(1, 21, dtype=np.float32), low=0, high=20)
    now = rows(0, *np.linspace(0, 2e5, 20), 0, 0)
    found = []
    for _ in range(100):
        codes = generator.integers(1, 21, 2000).astype(np.int32)
        known = sensitivity(codes, generator.normal(0.3, 0.2, 2000), space)
        found.append(
            measure_impact(
                now, now[[0, *range(20, 0, -1), 21, 22]], known, np.arange(20)
            ).size
        )
    # Half of the rows moved, and a mean of 100 rows is off by 0.016 on average.
    assert np.mean(found) < 0.5 * 0.016


def test_values_out_of_a_numbers_range_count_with_its_end_bins():
    space = NumericSpace(edges=np.array([1, 2], np.float32), low=0, high=2)
    means = sensitivity(space.encode(pa.array([0.5, 1.5])), np.array([0.1, 0.9]), space)
    inside = measure_impact(
        rows(0, 0, 1e6, 0, 0), rows(0, 1e6, 0, 0, 0), means, GROUPS[:2] - 1
    )
    beyond = measure_impact(
        rows(0, 0, 0, 0, 1e6), rows(0, 1e6, 0, 0, 0), means, GROUPS[:2] - 1
    )
    assert beyond == inside


@pytest.mark.parametrize(
    ("now", "means"),
    [(rows(0, 0, 0, 0), exact(0.5, 0.5, 0.5, 0.5)), (rows(0, 5, 5, 0), None)],
)
def test_without_rows_or_predictions_nothing_is_known(now, means):
    assert measure_impact(now, rows(0, 5, 5, 0), means, GROUPS) == (None, None)

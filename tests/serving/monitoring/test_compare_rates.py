import numpy as np
import pytest

from serving.monitoring.compare_rates import compare_rates
from serving.monitoring.comparison import Comparison
from serving.monitoring.feature_space import CategorySpace
from serving.monitoring.monitor_settings import MonitorSettings
from serving.monitoring.rate_tests import rate_p_value
from serving.monitoring.reference import from_counts
from serving.monitoring.window_noise import DesignEffects

SPACE = CategorySpace(values=("a", "b", "c", "d"), is_complete=True)
# 100 rows are missing; b and c had two rows, d one: 1 + 2 * 2 / 1 = 5.
THEN = from_counts("tailnum", SPACE, np.array([100.0, 895, 2, 2, 1, 0]))


def rates_of(now, effects):
    missing, unknown = compare_rates(
        Comparison(
            reference=THEN,
            counts=np.array(now, np.float64),
            sensitivity=None,
            settings=MonitorSettings(),
            effects=effects,
        )
    )
    return missing, unknown


def test_rates_are_compared_with_what_the_reference_lets_expect():
    missing, unknown = rates_of([40, 140, 0, 0, 0, 20], DesignEffects())
    assert missing.statistic == pytest.approx(40 / 200 - 100 / 1000)
    assert missing.p_value == rate_p_value(40, 200, 100, 1000, "two-sided")
    assert unknown.statistic == pytest.approx(20 / 160 - 1 / 900)
    assert unknown.about == "unknown"


def test_unknown_values_vary_more_than_a_binomial_count():
    _, unknown = rates_of([40, 140, 0, 0, 0, 20], DesignEffects())
    assert unknown.p_value == rate_p_value(4, 32, 0, 180, "greater")
    assert unknown.formula.endswith("rows by 5")


def test_rows_are_divided_by_the_design_effect_of_each_rate():
    effects = DesignEffects(missing=10.0, strange=2.0)
    missing, unknown = rates_of([40, 140, 0, 0, 0, 20], effects)
    assert missing.p_value == rate_p_value(4, 20, 10, 100, "two-sided")
    assert unknown.p_value == rate_p_value(2, 16, 0, 90, "greater")

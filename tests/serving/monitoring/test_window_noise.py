import dataclasses

import numpy as np
import pytest

from serving.monitoring.feature_space import CategorySpace, NumericSpace
from serving.monitoring.monitor import monitor_table
from serving.monitoring.monitor_settings import FeatureSettings, MonitorSettings
from serving.monitoring.window_noise import (
    MIN_PAIRS,
    DesignEffects,
    WindowNoise,
)
from tests.serving.monitoring.log_rows import log_table, reference_of

TEXT = CategorySpace(values=("a", "b", "c"), is_complete=True)
NUMBER = NumericSpace(edges=np.array([1, 2, 3], np.float32), low=0, high=3)
SETTINGS = MonitorSettings(window="1h", min_rows=100)


def followed(space, windows, num_pairs=28):
    noise = WindowNoise(space, num_pairs)
    for counts in windows:
        noise.add(np.asarray(counts, np.float64))
    return noise.effects


def drawn(generator, times=1):
    """Counts of 1,000 / times measurements, each of as many rows."""
    shares = [0.1, 0.4, 0.3, 0.15, 0.05]
    return generator.multinomial(1000 // times, shares) * times


def test_rows_that_are_independent_count_as_one_each():
    generator = np.random.default_rng(0)
    found = followed(TEXT, [drawn(generator) for _ in range(29)])
    assert found.is_known
    for effect in (found.values, found.missing, found.strange):
        assert 1 <= effect < 3  # a median of 28 values of one degree of freedom


def test_rows_that_share_a_measurement_are_found_out():
    generator = np.random.default_rng(0)
    found = followed(TEXT, [drawn(generator, times=20) for _ in range(29)])
    for effect in (found.values, found.missing, found.strange):
        assert 12 < effect < 32


def test_a_hand_counted_pair():
    # X² of (60, 40) and (40, 60) is 8; the median of one degree of freedom is 0.4705.
    windows = [[0, 60, 40, 0, 0], [0, 40, 60, 0, 0]] * 3
    expected = 8 / (1 - 2 / 9) ** 3
    assert followed(TEXT, windows).values == pytest.approx(expected)


def test_values_out_of_range_have_an_effect_of_their_own():
    windows = [[0, 50, 50, 50, 0, 50], [0, 50, 50, 50, 0, 0]] * 4
    found = followed(NUMBER, windows)
    assert found.strange > 10
    assert found.missing == 1.0


def test_one_fault_among_the_windows_does_not_count():
    generator = np.random.default_rng(0)
    windows = [drawn(generator) for _ in range(20)]
    calm = followed(TEXT, windows)
    windows[10] = np.array([0, 1000, 0, 0, 0])
    assert followed(TEXT, windows).values < calm.values + 0.7


def test_a_slow_drift_is_not_taken_for_noise():
    generator = np.random.default_rng(0)
    windows = [
        generator.multinomial(1000, [0, 0.8 - 0.02 * step, 0.2 + 0.02 * step, 0, 0])
        for step in range(29)
    ]
    assert followed(TEXT, windows).values < 4  # from first to last: 300


def test_too_few_windows_tell_nothing():
    windows = [[0, 900, 100, 0, 0], [0, 100, 900, 0, 0]] * MIN_PAIRS
    assert followed(TEXT, windows[:MIN_PAIRS]) == DesignEffects(is_known=False)
    assert followed(TEXT, windows[: MIN_PAIRS + 1]).values > 100


def test_only_the_last_pairs_count():
    generator = np.random.default_rng(0)
    wild = [drawn(generator, times=50) for _ in range(20)]
    calm = [drawn(generator) for _ in range(10)]
    assert followed(TEXT, wild + calm, num_pairs=8).values < 2
    assert followed(TEXT, wild + calm, num_pairs=28).values > 10


def test_without_history_rows_are_independent_and_that_is_known():
    windows = [[0, 900, 100, 0, 0], [0, 100, 900, 0, 0]] * 9
    assert followed(TEXT, windows, num_pairs=0) == DesignEffects()


def test_a_slice_has_its_share_of_the_rows_that_belong_together():
    found = DesignEffects(values=21.0, missing=1.0, strange=3.0).in_part(0.1)
    assert (found.values, found.missing, found.strange) == pytest.approx((3, 1, 1.2))


def days(num_days, seed=1):
    """Days of 600 rides each: every day has three temperatures, miles are all new."""
    generator = np.random.default_rng(seed)
    temperatures = np.repeat(generator.normal(50, 15, num_days * 3), 200)
    return {
        "temp_f": temperatures.tolist(),
        "miles": generator.gamma(4, 50, num_days * 600).tolist(),
    }


def daily(inputs, settings=SETTINGS, reference=None):
    num_rows = len(inputs["miles"])
    log = log_table(inputs, hours=np.arange(num_rows) // 600)
    return monitor_table(log, reference or reference_of(days(300, 9)), settings).windows


def test_a_feature_that_varies_by_the_day_does_not_alarm_every_day():
    inputs = days(20)
    for window in daily(inputs):
        assert window.alarms == ()
        assert window.features[0].design_effect > 50
        assert window.features[1].design_effect < 2
    as_if_independent = dataclasses.replace(SETTINGS, history=0)
    assert all(window.alarms for window in daily(inputs, as_if_independent))


def test_a_fault_is_found_all_the_same_on_its_first_day():
    inputs = days(20)
    inputs["miles"][600 * 12 :] = [value * 1.6 for value in inputs["miles"][600 * 12 :]]
    alarmed = [bool(window.alarms) for window in daily(inputs)]
    assert alarmed == [False] * 12 + [True] * 8


def test_what_is_given_of_a_feature_goes_before_what_windows_tell():
    given = {"temp_f": FeatureSettings(design_effect=1.0)}
    windows = daily(days(8), dataclasses.replace(SETTINGS, features=given))
    assert {window.features[0].design_effect for window in windows} == {1.0}
    assert all(window.alarms for window in windows)


def test_drift_is_information_until_windows_have_told_how_much_is_usual():
    few = daily(days(3))
    assert all(window.features[0].design_effect is None for window in few)
    assert {alarm.severity for window in few for alarm in window.alarms} == {"info"}


def test_faults_of_the_feed_are_faults_from_the_first_window_on():
    inputs = days(1)
    inputs["miles"] = [None] * 600
    (window,) = daily(inputs)
    assert (window.alarms[0].id, window.alarms[0].severity) == (
        "missing:miles",
        "critical",
    )

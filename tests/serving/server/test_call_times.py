"""Which call is expected to take how long."""

import math

import pytest

from serving.server.call_times import CallTimes


def test_nothing_is_expected_to_be_quick_before_the_first_call():
    assert CallTimes().expected_s(1) == math.inf


def test_sizes_of_one_power_of_two_share_a_time():
    times = CallTimes()
    times.add(64, 0.001)
    assert times.expected_s(64) == pytest.approx(0.001)
    assert times.expected_s(96) == pytest.approx(0.0015)


def test_larger_batches_are_taken_to_cost_as_much_a_row():
    times = CallTimes()
    times.add(1, 0.0005)
    assert times.expected_s(8) == pytest.approx(0.004)


def test_smaller_batches_are_taken_to_cost_no_more_than_larger_ones():
    times = CallTimes()
    times.add(512, 0.003)
    assert times.expected_s(1) == pytest.approx(0.003)
    assert times.expected_s(0) == pytest.approx(0.003)


def test_a_long_call_counts_at_once_and_short_ones_slowly():
    times = CallTimes()
    times.add(1, 0.001)
    times.add(1, 0.1)
    assert times.expected_s(1) == pytest.approx(0.1)
    times.add(1, 0.001)
    assert times.expected_s(1) == pytest.approx(0.1 + 0.1 * (0.001 - 0.1))


def test_typical_time_is_smoothed_over_all_sizes():
    times = CallTimes()
    times.add(1, 0.01)
    times.add(1000, 0.02)
    assert times.typical_s == pytest.approx(0.001 + 0.1 * (0.02 - 0.001))

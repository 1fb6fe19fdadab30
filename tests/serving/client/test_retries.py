"""Which pauses a policy makes, and what Retry-After says."""

import time
from email.utils import formatdate

import pytest

from serving.client.retries import RetryPolicy, parse_retry_after


def test_pauses_grow_up_to_the_limit():
    policy = RetryPolicy(
        attempts=6,
        initial_backoff_s=0.1,
        max_backoff_s=0.5,
        multiplier=2.0,
        jitter=lambda: 1.0,
    )
    pauses = [policy.pause_s(failed, None) for failed in range(1, 7)]
    assert pauses == pytest.approx([0.1, 0.2, 0.4, 0.5, 0.5, None])


def test_jitter_takes_a_fraction_of_the_pause():
    policy = RetryPolicy(initial_backoff_s=0.2, jitter=lambda: 0.25)
    assert policy.pause_s(1, None) == pytest.approx(0.05)


def test_jitter_of_the_default_policy_covers_the_whole_pause():
    policy = RetryPolicy(attempts=2, initial_backoff_s=1.0)
    pauses = [policy.pause_s(1, None) for _ in range(1000)]
    assert 0 <= min(pauses) < 0.05
    assert 0.95 < max(pauses) <= 1.0


def test_longer_pause_that_the_server_asks_for_is_kept():
    policy = RetryPolicy(initial_backoff_s=0.1, jitter=lambda: 1.0)
    assert policy.pause_s(1, 3.0) == 3.0
    assert policy.pause_s(1, 0.01) == 0.1


def test_thousandth_pause_is_the_limit():
    policy = RetryPolicy(attempts=5000, jitter=lambda: 1.0)
    assert policy.pause_s(4000, None) == 2.0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"attempts": 0}, "attempts is 0; expected at least 1"),
        ({"initial_backoff_s": -1.0}, "initial_backoff_s is -1.0"),
        ({"initial_backoff_s": 3.0, "max_backoff_s": 2.0}, "max_backoff_s 2.0"),
        ({"multiplier": 0.5}, "multiplier is 0.5"),
    ],
    ids=["attempts", "negative", "order", "multiplier"],
)
def test_policy_out_of_range_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        RetryPolicy(**wrong)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("3", 3.0),
        (" 0 ", 0.0),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
    ],
    ids=["none", "seconds", "zero", "nonsense", "negative", "fraction"],
)
def test_retry_after_in_seconds(value, expected):
    assert parse_retry_after(value) == expected


def test_retry_after_as_a_date():
    in_a_minute = formatdate(time.time() + 60, usegmt=True)
    assert parse_retry_after(in_a_minute) == pytest.approx(60, abs=2)
    assert parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0

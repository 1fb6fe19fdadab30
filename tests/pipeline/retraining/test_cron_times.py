"""When a schedule was due last."""

from datetime import UTC, datetime

import pytest

from pipeline.retraining.cron_times import last_due


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "now", "due"),
    [
        # 2026-03-10 is a Tuesday.
        ("0 6 * * *", "2026-03-10 12:00", "2026-03-10 06:00"),
        ("0 6 * * *", "2026-03-10 06:00", "2026-03-10 06:00"),
        ("0 6 * * *", "2026-03-10 05:59:59", "2026-03-09 06:00"),
        ("0 6 * * 1", "2026-03-10 12:00", "2026-03-09 06:00"),
        ("0 6 * * MON", "2026-03-10 12:00", "2026-03-09 06:00"),
        ("0 6 * * 7", "2026-03-10 12:00", "2026-03-08 06:00"),
        ("0 6 * * 0", "2026-03-10 12:00", "2026-03-08 06:00"),
        ("30 */6 * * *", "2026-03-10 12:29", "2026-03-10 06:30"),
        ("5/20 9-10 * * *", "2026-03-10 12:00", "2026-03-10 10:45"),
        ("0 0 1 * *", "2026-03-10 12:00", "2026-03-01 00:00"),
        ("0 0 1 JAN *", "2026-03-10 12:00", "2026-01-01 00:00"),
        # Day of month or day of week, where both are given.
        ("0 0 1 * 5", "2026-03-10 12:00", "2026-03-06 00:00"),
        ("0 0 8 * 5", "2026-03-10 12:00", "2026-03-08 00:00"),
        # Every second day, and only on Mondays.
        ("0 0 */2 * 1", "2026-03-10 12:00", "2026-03-09 00:00"),
        ("0 0 */2 * 1", "2026-03-08 12:00", "2026-02-23 00:00"),
        ("0 0 29 2 *", "2026-03-10 12:00", "2024-02-29 00:00"),
        ("* * * * *", "2026-03-10 12:00:59", "2026-03-10 12:00"),
    ],
)
def test_last_due(expression, now, due):
    assert last_due(expression, at(now)) == at(due)


def test_a_day_that_never_comes_is_never_due():
    assert last_due("0 0 30 2 *", at("2026-03-10 12:00")) is None

"""When a cron expression was due last.

Source:
    crontab(5): a day matches if the day of month or the day of week does, where both
    are given; where one begins with "*", both must. 0 and 7 are Sunday.
"""

from datetime import UTC, date, datetime, time, timedelta

from pipeline.submit.cron import expand_cron

_DAYS_BACK = 366 * 8 + 1  # 29 February is due once in four years, or eight around 1900


def last_due(expression: str, now: datetime) -> datetime | None:
    """Returns the newest due time that is not after `now`.

    Args:
        expression: Five fields, read as UTC.
        now: UTC.

    Returns:
        To the minute, UTC; None for a day that never comes, such as 30 February.
    """
    minutes, hours, days, months, weekdays = expand_cron(expression)
    day_field, weekday_field = expression.split()[2], expression.split()[4]
    is_either = not (_is_any(day_field) or _is_any(weekday_field))
    today = now.astimezone(UTC).date()
    for back in range(_DAYS_BACK):
        day = today - timedelta(days=back)
        if day.month not in months:
            continue
        in_month, in_week = day.day in days, _weekday(day) in weekdays
        if not (in_month or in_week if is_either else in_month and in_week):
            continue
        due = _last_of_day(day, hours, minutes, now)
        if due is not None:
            return due
    return None


def _is_any(field: str) -> bool:
    return field.startswith(("*", "?"))


def _weekday(day: date) -> int:
    """Returns 0 for Sunday to 6 for Saturday."""
    return day.isoweekday() % 7


def _last_of_day(
    day: date, hours: frozenset[int], minutes: frozenset[int], now: datetime
) -> datetime | None:
    for hour in sorted(hours, reverse=True):
        for minute in sorted(minutes, reverse=True):
            due = datetime.combine(day, time(hour, minute), UTC)
            if due <= now:
                return due
    return None

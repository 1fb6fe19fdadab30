"""Checks a cron expression the way the cluster that gets it reads it, and expands it.

Kubeflow's has six fields, seconds first, and reads five as the first five of six: the
hourly "0 * * * *" of other crons would start a run every minute. Vertex AI's has the
usual five, with a time zone in front if it is not UTC.

Source:
    Kubeflow: kfp.Client.create_recurring_run ("using 6 space-separated fields") and
    github.com/robfig/cron v1. Vertex AI: aiplatform_v1.Schedule.cron.
"""

import re
from collections.abc import Iterator

from pipeline.settings_loader import ConfigError

_MINUTE, _HOUR, _DAY = (0, 59), (0, 23), (1, 31)
_MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC"
_DAYS = "SUN MON TUE WED THU FRI SAT"
_FIVE_FIELDS = (
    ("minute", *_MINUTE),
    ("hour", *_HOUR),
    ("day of month", *_DAY),
    ("month", 1, 12),
    ("day of week", 0, 7),
)
_NAMES = {
    "month": {name: number for number, name in enumerate(_MONTHS.split(), start=1)},
    "day of week": {name: number for number, name in enumerate(_DAYS.split())},
}


def check_kubeflow_cron(text: str) -> str:
    """Returns the expression of six fields, seconds first, without outer blanks.

    Raises:
        ConfigError: Another number of fields, or one that is out of its range.
    """
    fields = text.split()
    if len(fields) == len(_FIVE_FIELDS):
        raise ConfigError(
            f"--recurring is {text!r}, which has 5 fields; Kubeflow's cron has 6, "
            f"seconds first. Write '0 {text.strip()}'."
        )
    # robfig/cron v1 knows no 7 for Sunday.
    names = (("second", *_MINUTE), *_FIVE_FIELDS[:-1], ("day of week", 0, 6))
    _check_fields("--recurring", text, fields, names)
    return " ".join(fields)


def check_vertex_cron(text: str) -> str:
    """Returns the expression of five fields, a time zone in front if there is one.

    Raises:
        ConfigError: Another number of fields, or one that is out of its range.
    """
    fields = text.split()
    zone = fields[:1] if re.match(r"(CRON_)?TZ=\S", text.strip()) else []
    _check_fields("--schedule", text, fields[len(zone) :], _FIVE_FIELDS)
    return " ".join(fields)


def check_cron(setting: str, text: str) -> None:
    """Checks an expression of the usual five fields, read as UTC.

    Raises:
        ConfigError: Another number of fields, or one that is out of its range.
    """
    _check_fields(setting, text, text.split(), _FIVE_FIELDS)


def expand_cron(text: str) -> tuple[frozenset[int], ...]:
    """Returns the values that each field of a checked expression names.

    Returns:
        Minutes, hours, days of the month, months and days of the week, Sunday as 0.
    """
    minutes, hours, days, months, weekdays = (
        frozenset(_values(field, name, lowest, highest))
        for field, (name, lowest, highest) in zip(
            text.split(), _FIVE_FIELDS, strict=True
        )
    )
    return minutes, hours, days, months, frozenset(day % 7 for day in weekdays)


def _values(field: str, name: str, lowest: int, highest: int) -> Iterator[int]:
    for part in field.replace("?", "*").split(","):
        ends, _, step = part.partition("/")
        first, _, last = ends.partition("-")
        start = lowest if first == "*" else _known_number(first, name)
        # 5/15 begins at 5 and has no end of its own.
        stop = _known_number(last, name) if last else start
        if first == "*" or (step and not last):
            stop = highest
        yield from range(start, stop + 1, int(step or 1))


def _known_number(text: str, name: str) -> int:
    number = _number(text, name)
    if number is None:
        raise ConfigError(f"{text!r} is no {name}.")
    return number


def _check_fields(
    option: str, text: str, fields: list[str], names: tuple[tuple[str, int, int], ...]
) -> None:
    if len(fields) != len(names):
        expected = ", ".join(name for name, *_ in names)
        raise ConfigError(
            f"{option} is {text!r}, which has {len(fields)} fields; expected "
            f"{len(names)}: {expected}."
        )
    for field, (name, lowest, highest) in zip(fields, names, strict=True):
        if not _is_field(field, name, lowest, highest):
            raise ConfigError(
                f"{option} is {text!r}; its {name} {field!r} is not made of numbers "
                f"from {lowest} to {highest}, *, ranges a-b, steps /n and commas."
            )


def _is_field(field: str, name: str, lowest: int, highest: int) -> bool:
    if field == "?":
        return name in ("day of month", "day of week")
    return all(_is_part(part, name, lowest, highest) for part in field.split(","))


def _is_part(part: str, name: str, lowest: int, highest: int) -> bool:
    match = re.fullmatch(r"(\*|\w+(?:-\w+)?)(?:/([1-9]\d*))?", part)
    if match is None:
        return False
    if match[1] == "*":
        return True
    ends = [_number(end, name) for end in match[1].split("-")]
    return all(
        end is not None and lowest <= end <= highest for end in ends
    ) and ends == sorted(ends, key=lambda end: end or 0)


def _number(text: str, name: str) -> int | None:
    if text.isascii() and text.isdecimal():
        return int(text)
    return _NAMES.get(name, {}).get(text.upper())

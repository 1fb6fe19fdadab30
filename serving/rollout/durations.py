"""Lengths of time and shares as people write them."""

import re

from serving.rollout.errors import RolloutError

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def seconds_of(text: str) -> float:
    """Reads `90s`, `10m`, `1.5h` or `1d`.

    Raises:
        RolloutError: It is none of these.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise RolloutError(
            f"{text!r} is no length of time, such as 90s, 10m, 1.5h, 1d."
        )
    return float(match[1]) * _SECONDS[match[2]]


def share_of(text: str) -> float:
    """Reads `5%` or `0.05`.

    Raises:
        RolloutError: It is neither, or not from 0 to 1.
    """
    number, is_percent = text.strip().removesuffix("%"), text.strip().endswith("%")
    try:
        share = float(number) / (100 if is_percent else 1)
    except ValueError as error:
        raise RolloutError(f"{text!r} is no share, such as 5% or 0.05.") from error
    if not 0 <= share <= 1:
        raise RolloutError(f"share {text!r} is not from 0 to 1.")
    return share


def duration_in_words(seconds: float) -> str:
    """Returns such as "45 s", "3.5 h" or "12 d"."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return (
                f"{seconds / length:.2g} {unit}"
                if seconds < 100 * length
                else (f"{seconds / length:,.0f} {unit}")
            )
    return f"{seconds:.0f} s"

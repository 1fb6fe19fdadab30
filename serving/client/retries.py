"""When a request is sent again, and after which pause.

Sent again is what the server turned away or never answered: UNAVAILABLE,
RESOURCE_EXHAUSTED, a connection that was not made, or that broke before the answer's
first byte. A prediction changes nothing on the server, so doing it twice does no harm.
Everything else would fail again, or has had its time.

Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/,
"Full Jitter"; RFC 9110, 10.2.3, Retry-After.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

RETRIED_CODES = frozenset(("UNAVAILABLE", "RESOURCE_EXHAUSTED"))


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """How often and how patiently a call is tried.

    The pause before the n-th retry is drawn evenly from 0 to
    min(max_backoff_s, initial_backoff_s * multiplier ** (n - 1)); a longer one that the
    server asks for (Retry-After) is kept. A pause that would outlast the call's
    time-out is not begun: the call fails with what it failed with last.

    Attributes:
        attempts: The first included, at least 1; 1: no retry.
        initial_backoff_s: See above; at least 0.
        max_backoff_s: See above; at least initial_backoff_s.
        multiplier: See above; at least 1.
        jitter: Called for each pause, gives the fraction of it to wait, in [0, 1].
    """

    attempts: int = 3
    initial_backoff_s: float = 0.05
    max_backoff_s: float = 2.0
    multiplier: float = 2.0
    jitter: Callable[[], float] = random.random

    def __post_init__(self) -> None:
        """Checks the ranges.

        Raises:
            ValueError: One does not hold.
        """
        if self.attempts < 1:
            raise ValueError(f"attempts is {self.attempts}; expected at least 1.")
        if not 0 <= self.initial_backoff_s <= self.max_backoff_s:
            raise ValueError(
                f"initial_backoff_s is {self.initial_backoff_s} and max_backoff_s "
                f"{self.max_backoff_s}; expected 0 <= initial_backoff_s <= "
                "max_backoff_s."
            )
        if self.multiplier < 1:
            raise ValueError(f"multiplier is {self.multiplier}; expected at least 1.")

    def pause_s(self, num_failed: int, retry_after_s: float | None) -> float | None:
        """Returns the seconds to wait before the next attempt; None: there is none.

        Args:
            num_failed: Attempts so far, at least 1.
            retry_after_s: What the server asks for; None: it does not.
        """
        if num_failed >= self.attempts:
            return None
        # A float's power overflows where the limit was reached long ago.
        exponent = min(num_failed - 1, 64)
        backoff_s = min(
            self.max_backoff_s, self.initial_backoff_s * self.multiplier**exponent
        )
        return max(backoff_s * self.jitter(), retry_after_s or 0.0)


DEFAULT_RETRIES = RetryPolicy()
NO_RETRIES = RetryPolicy(attempts=1)


def parse_retry_after(value: str | None) -> float | None:
    """Returns the seconds of a Retry-After header; None: it has none that make sense.

    Args:
        value: Seconds or a date of HTTP; a date that has passed is 0. None: there is no
            such header.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None

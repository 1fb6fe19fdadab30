"""How long a call of so many rows will take, by those before it."""

_SMOOTHING = 0.1
_BUCKETS = 48


class CallTimes:
    """Smoothed times, one for each power of two of rows.

    Written by one thread at a time or by several: a lost update does no harm.

    Attributes:
        typical_s: Of all calls, seconds; 0 before the first.
    """

    def __init__(self) -> None:
        """Knows nothing yet."""
        self.typical_s = 0.0
        self._times_s = [0.0] * _BUCKETS

    def expected_s(self, rows: int) -> float:
        """Returns the seconds of a call, rather too many; infinity before the first.

        A size that was not seen is taken to cost as much a row as the next smaller one
        that was, or else as much as the next larger one: calls have a fixed cost.

        Args:
            rows: >= 0.
        """
        own = min(rows.bit_length(), _BUCKETS - 1)
        for bucket in range(own, 0, -1):
            if known_s := self._times_s[bucket]:
                return known_s * rows / (1 << bucket - 1)
        for known_s in self._times_s[own + 1 :]:
            if known_s:
                return known_s
        return float("inf")

    def add(self, rows: int, took_s: float) -> None:
        """Learns of one call; one much longer than expected counts in full at once."""
        self.typical_s += _SMOOTHING * (took_s - self.typical_s)
        bucket = max(1, min(rows.bit_length(), _BUCKETS - 1))
        known_s = self._times_s[bucket]
        if not known_s or took_s > 2 * known_s:
            self._times_s[bucket] = took_s
        else:
            self._times_s[bucket] = known_s + _SMOOTHING * (took_s - known_s)

"""Where a value lies in a chart's height, and round values to mark there."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

_MARGIN = 0.08
_STEPS = (5.0, 2.0, 1.0, 0.5, 0.2)
"""Times a power of ten that is at most ten times shorter than the axis."""
_FEWEST = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class ValueAxis:
    """The values that one chart covers.

    Attributes:
        low, high: Its ends; low < high.
        height: Pixels of the plot.
        top: Pixels above it.
    """

    low: float
    high: float
    height: float
    top: float

    def place(self, value: float) -> float:
        """Returns pixels from the top; what lies outside is put at the edge."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.top + self.height * (1 - min(1.0, max(0.0, share))), 1)

    def marks(self) -> list[float]:
        """Returns two to five round values inside, rising."""
        length = self.high - self.low
        magnitude = 10.0 ** math.floor(math.log10(length))
        found: list[float] = []
        for step in (magnitude * size for size in _STEPS):
            first = math.ceil(self.low / step - 1e-9)
            last = math.floor(self.high / step + 1e-9)
            found = [round(index * step, 12) for index in range(first, last + 1)]
            if len(found) >= _FEWEST:
                return found
        return found


def value_axis(
    values: Iterable[float], *, height: float, top: float, from_zero: bool = False
) -> ValueAxis:
    """Returns an axis that shows every value with some air.

    Args:
        values: May be empty or all equal.
        height: Pixels of the plot.
        top: Pixels above it.
        from_zero: Whether the axis begins at 0, as bars and rates need it.
    """
    found = list(values) or [0.0]
    low, high = min(found), max(found)
    if from_zero:
        low = min(low, 0.0)
    if high - low < 1e-9 * max(1.0, abs(high)):
        high = low + (abs(low) or 1.0) * (1.0 if from_zero else 0.1)
    margin = (high - low) * _MARGIN
    is_at_zero = from_zero and low == 0
    return ValueAxis(
        low=low if is_at_zero else low - margin,
        high=high + margin,
        height=height,
        top=top,
    )

"""Corrects p-values for their number."""

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns Holm's adjusted p-values, in the order given.

    Sorted, the i-th of M p-values (from 0) is multiplied by M - i and raised to at
    least the one before. Whoever alarms where the result is at most L raises one false
    alarm or more with probability at most L, however the tests depend on one another
    and however many of them are rightly alarmed. Benjamini and Hochberg's procedure
    bounds the share of false ones among the alarms instead, and with one feature truly
    changed lets more unchanged ones through.

    Args:
        p_values: 0 to 1; may be empty.

    Source:
        S. Holm, "A simple sequentially rejective multiple test procedure",
        Scandinavian Journal of Statistics 6 (1979), 65-70.
    """
    values = np.asarray(p_values, np.float64)
    order = np.argsort(values, kind="stable")
    factors = np.arange(len(values), 0, -1)
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(values[order] * factors))
    return [float(value) for value in adjusted]

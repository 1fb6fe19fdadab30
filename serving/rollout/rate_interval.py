"""An interval for a share of counted events that holds at every look, exactly.

With k of n and the prior Beta(1/2, 1/2), the ratio

    E(p) = B(k + 1/2, n - k + 1/2) / (B(1/2, 1/2) p^k (1 - p)^(n - k))

is a martingale with mean 1 if p is the true share and events are independent, so the
shares with E(p) < 1/a are an interval that covers it at all looks at once with
probability 1 - a.

Source: Robbins, "Statistical methods related to the law of the iterated logarithm",
Ann. Math. Stat. 41, 1970; Howard et al., Ann. Statist. 49(2), 2021, conjugate mixtures.
"""

import math


def rate_interval(
    num_events: int, num_trials: int, level: float
) -> tuple[float, float]:
    """Returns the lowest and highest share that is not refuted.

    Args:
        num_events: k, at most n.
        num_trials: n; 0 gives (0, 1).
        level: a, in (0, 1).
    """
    if num_trials == 0:
        return 0.0, 1.0
    peak = num_events / num_trials
    low = 0.0 if num_events == 0 else _crossing(num_events, num_trials, level, 0.0)
    high = (
        1.0
        if num_events == num_trials
        else _crossing(num_events, num_trials, level, 1.0)
    )
    return min(low, peak), max(high, peak)


def _crossing(num_events: int, num_trials: int, level: float, end: float) -> float:
    """Returns where E(p) is 1/a between the peak of the likelihood and an end."""
    others = num_trials - num_events
    log_mixture = (
        math.lgamma(num_events + 0.5)
        + math.lgamma(others + 0.5)
        - math.lgamma(num_trials + 1)
        - 2 * math.lgamma(0.5)
        + math.log(level)
    )
    inside, outside = num_events / num_trials, end
    # Bisection of an interval of at most 1, to beyond the precision of a float64.
    for _ in range(60):
        middle = (inside + outside) / 2
        likelihood = _times_log(num_events, middle) + _times_log(others, 1 - middle)
        if log_mixture < likelihood:
            inside = middle
        else:
            outside = middle
    return outside


def _times_log(count: int, share: float) -> float:
    if count == 0:
        return 0.0
    return count * math.log(share) if share > 0 else -math.inf

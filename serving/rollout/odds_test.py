"""Tests of counted events that hold at every look: is the odds of an arm too high?

One event is of one of two kinds, "here" with a probability t that is known if the null
hypothesis holds, as that

    a failed request was the candidate's: t = n_c r / (n_c r + n_s) among n_c and n_s
        requests, if the candidate fails at most r times as often;
    a request of the candidate failed: t = the highest rate borne;
    a unit was given to the candidate: t = its share.

For a multiple g of the odds the alternative is t_g = g t / (g t + 1 - t); the product
of the likelihood ratios over all events so far is a martingale with mean 1 under the
null hypothesis (falling, if events "here" are rarer still), and so is the mean over a
grid of multiples. By Ville's inequality it ever exceeds 1/a with probability a at most:
exact for any number of events and looks, nothing is approximated.

What it takes for granted: that requests fail independently of each other *given* how
many fail. For the first kind that is much less than independence: an outage that hits
both arms, or a bad hour, moves both counts and favours neither arm. A single client
that repeats a failing request a thousand times does; a rollback by mistake is the safe
side. In the first kind the events of an interval are drawn without replacement, whose
exponential moments are smaller still (Hoeffding 1963, theorem 4).

Sources: Lindon, Malek, "Anytime-valid inference for multinomial count data", NeurIPS
2022, and Lindon, Sanden, Shirikian, "Rapid regression detection in software
deployments through sequential testing", KDD 2022: counts of arms conditional on their
sum, checks of sample ratios. Waudby-Smith, Ramdas, "Estimating means of bounded random
variables by betting", JRSS-B 86(1), 2024: mixtures of bets over a grid.
"""

import math

# From the smallest multiple worth noticing to an arm that fails always.
GRID = (1.25, 1.6, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0, 1000.0)
TWO_SIDED_GRID = (0.25, 0.5, 0.8, 0.9, 0.95, 1.05, 1.1, 1.25, 2.0, 4.0)

Logs = tuple[float, ...]
"""Log likelihood ratio for each multiple of a grid."""

NO_EVIDENCE: Logs = (0.0,) * len(GRID)
NO_TWO_SIDED_EVIDENCE: Logs = (0.0,) * len(TWO_SIDED_GRID)


def add_events(
    logs: Logs,
    probability: float,
    num_here: int,
    num_there: int,
    grid: tuple[float, ...] = GRID,
) -> Logs:
    """Adds events of which each was "here" with one probability under the null.

    Args:
        logs: Of the events before.
        probability: t of the module's text, in [0, 1]; 0 and 1 teach nothing.
        num_here: Events of the kind that is tested, >= 0.
        num_there: Events of the other kind, >= 0.
        grid: The multiples `logs` is for.
    """
    if not 0 < probability < 1:
        return logs
    added = []
    for log_ratio, multiple in zip(logs, grid, strict=True):
        # log(t_g / t) = log(g / norm); log((1 - t_g) / (1 - t)) = log(1 / norm).
        log_norm = math.log1p((multiple - 1) * probability)
        here = num_here * (math.log(multiple) - log_norm)
        added.append(log_ratio + here - num_there * log_norm)
    return tuple(added)


def log_evidence(logs: Logs) -> float:
    """Returns the log of the mean ratio; shown is what exceeds log(1/level)."""
    largest = max(logs)
    total = math.fsum(math.exp(log_ratio - largest) for log_ratio in logs)
    return largest + math.log(total / len(logs))


def is_shown(logs: Logs, level: float) -> bool:
    """Tells whether the null hypothesis is refuted at a level."""
    return log_evidence(logs) >= -math.log(level)

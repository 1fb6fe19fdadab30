"""How many units a decision takes, worked out before the first request.

A rollout of steps with the candidate's shares p collects the information
I = sum p(1 - p) over its units; at equal shares that is a quarter of them. Unless the
arms differ much in spread, the estimate's variance is s^2 / I. A test of fixed size
with two-sided level a and power b needs

    I = (z_(1-a/2) + z_b)^2 s^2 / d^2                                           (fixed)

for the effect d. The sequential test decides as soon as its interval leaves zero out,
whose half-width at the planned information is c s / sqrt(I), c = boundary(v)/sqrt(v),
about 3.04 at a = 0.05. So it has found d *by* I with probability b at least if

    I = (c + z_b)^2 s^2 / d^2                                              (sequential)

At least, for it may have decided before. It mostly has: the mean information at which
it ends is worked out by simulating Brownian motion with that drift, which is what the
sums become for many small units.

The spread s that counts is the mean of both arms', and only the stable arm's is known:
a sharper classifier's log losses, or greater sales, may be more spread out. The planned
spread is therefore greater by an allowance. A rollout ends by the spread it measures
(see findings.py), mostly earlier.

Source: Wald, "Sequential Analysis", 1947, for the idea; Howard et al. 2021 for the
boundary (see effect.py). Simulated: 4,000 paths of 500 looks, seed 0; the mean is known
within 1 %, and the power is understated a little, for a path may cross between looks.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from serving.rollout.effect import boundary, mixture_of
from serving.rollout.plan import Goal, Step

_PATHS, _LOOKS = 4000, 500
_quantile = NormalDist().inv_cdf


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleSize:
    """What a test needs.

    Attributes:
        std: Planned with: the measured one, greater by the allowance.
        information: Of the sequential test with that spread: at most.
        fixed_information: Of a test of fixed size that is looked at once, with the
            measured spread.
        power: Of the sequential test, simulated.
        mean_information: Used up on average, with the measured spread, if the effect is
            as planned (superiority) or there is none (non-inferiority).
        mean_information_other: The same if there is no effect (superiority), or it is
            the loss that is not borne (non-inferiority).
    """

    std: float
    information: float
    fixed_information: float
    power: float
    mean_information: float
    mean_information_other: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """Units and time.

    Attributes:
        num_units: Of both arms.
        num_candidate: Of these, the candidate's, on average.
        duration_s: From the first request to the last label.
    """

    num_units: int
    num_candidate: int
    duration_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """How much one unit's value varies.

    Attributes:
        std: Standard deviation of the stable arm's, > 0.
        allowance: By which factor both arms' may be greater, >= 1.
    """

    std: float
    allowance: float = 1.0


def sample_size(
    spread: Spread, *, goal: Goal, effect: float, level: float, power: float
) -> SampleSize:
    """Returns the information that is needed.

    Args:
        spread: Of one unit's value.
        goal: What shall be shown.
        effect: The least improvement worth finding, or the greatest loss borne, > 0.
        level: See MetricPlan.
        power: See MetricPlan.
    """
    half_width = boundary(1.0, mixture_of(1.0, level), level)
    drift = half_width + _quantile(power)
    fixed = _quantile(1 - level / 2) + _quantile(power)
    wanted, other = (1.0, 0.0) if goal == "superiority" else (0.0, -1.0)
    found, mean_share = _simulated(wanted * drift, drift, level, goal)
    _, mean_share_other = _simulated(other * drift, drift, level, goal)
    likely = (drift * spread.std / effect) ** 2
    return SampleSize(
        std=spread.std * spread.allowance,
        information=likely * spread.allowance**2,
        fixed_information=(fixed * spread.std / effect) ** 2,
        power=found,
        mean_information=likely * mean_share,
        mean_information_other=likely * mean_share_other,
    )


def _simulated(
    drift: float, planned_drift: float, level: float, goal: Goal
) -> tuple[float, float]:
    """Returns how often the candidate wins, and the mean time of the end, in (0, 1].

    Time is information over the planned one, the effect is drift / planned_drift times
    the planned one.
    """
    times = np.arange(1, _LOOKS + 1) / _LOOKS
    steps = np.random.default_rng(0).normal(size=(_PATHS, _LOOKS)) / math.sqrt(_LOOKS)
    sums = np.cumsum(steps, axis=1) + drift * times
    mixture = mixture_of(1.0, level)
    radius = np.array([boundary(time, mixture, level) for time in times])
    # Bounds of the effect, in units of the planned one, times planned_drift * time.
    lows, highs, planned = sums - radius, sums + radius, planned_drift * times
    if goal == "superiority":
        is_won, is_lost = lows > 0, (highs < 0) | (highs < planned)
    else:
        is_won, is_lost = lows > -planned, highs < -planned
    won, lost = _first(is_won), _first(is_lost)
    ends = np.minimum(np.minimum(won, lost), _LOOKS - 1)
    return float(np.mean(won < np.minimum(lost, _LOOKS))), float(times[ends].mean())


def _first(is_so: np.ndarray) -> np.ndarray:
    """Returns the first look of each path at which it is so; _LOOKS: at none."""
    return np.where(is_so.any(axis=1), is_so.argmax(axis=1), _LOOKS)


def need_of(
    information: float,
    steps: Sequence[Step],
    *,
    units_per_s: float,
    label_delay_s: float,
) -> Need:
    """Returns the units and the time a ramp takes to collect information.

    Args:
        information: See the module's text.
        steps: The ramp; its last step lasts until all is collected.
        units_per_s: Of both arms, > 0; one request a unit.
        label_delay_s: Seconds until a unit's label is evidence.

    Returns:
        What it takes; a ramp that ends at a share of 0 or 1 counts up to its end only,
        for there is nothing to compare with there.
    """
    units, candidates, left = 0.0, 0.0, information
    for number, step in enumerate(steps):
        rate = step.share * (1 - step.share)
        most = left / rate if rate > 0 else 0.0
        is_last = number == len(steps) - 1
        taken = most if is_last else min(most, _least_units(step, units_per_s))
        units += taken
        candidates += taken * step.share
        left -= taken * rate
    return Need(
        num_units=math.ceil(units),
        num_candidate=math.ceil(candidates),
        duration_s=units / units_per_s + label_delay_s,
    )


def _least_units(step: Step, units_per_s: float) -> float:
    """Returns the units of both arms a step lasts at least."""
    for_requests = step.min_requests / step.share if step.share > 0 else 0.0
    return max(for_requests, step.min_duration_s * units_per_s)

"""The candidate's effect on the metric, with an interval that holds at every look.

Unit i is given to the candidate (A_i = 1) with a known share p_i, by a hash nobody can
steer, and shows the value Y_i. With m_i, the mean of the values before it,

    X_i = (A_i - p_i)(Y_i - m_i),   w_i = p_i (1 - p_i)

has the conditional mean w_i d_i, d_i being the effect at that moment: randomisation
alone makes S_t = sum X_i - w_i d_i a martingale. So the share may change from step to
step and the metric may drift (13 % of the flights late in September, 33 % in
December) without one arm being favoured, as it would be if each arm's rows were thrown
together over the steps. A share that is not quite what routers used does little: the
error is multiplied by the mean of Y_i - m_i, which is about zero.

The estimate is sum X / sum w, the mean effect weighted by p(1 - p): a step of 1 % has
the weight of its information, not of its rows. The interval around it is

    sum X / sum w  +-  sqrt((V + r) log((V + r) / (r a^2))) / sum w

with V = sum (X_i - w_i d)^2 and r chosen in advance, where the interval shall be
tightest. It covers the weighted effect at all looks at once with probability 1 - a,
*asymptotically*: for values whose moments above the second exist (clipped or bounded
ones), and the better the later it can decide; MIN_UNITS keeps it from the first few.

Sources: Howard, Ramdas, McAuliffe, Sekhon, "Time-uniform, nonparametric, nonasymptotic
confidence sequences", Ann. Statist. 49(2), 2021: the two-sided normal mixture boundary
and its tuning, and randomised trials as an application. Waudby-Smith, Arbour, Sinha,
Kennedy, Ramdas, "Time-uniform central limit theory and asymptotic confidence
sequences", Ann. Statist. 52(6), 2024: the same with an estimated variance. Johari,
Koomen, Pekelis, Walsh, "Always valid inference", Oper. Res. 70(3), 2022: the p-value.
The weights are the overlap weights of Li, Morgan, Zaslavsky, JASA 113, 2018.
"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

MIN_UNITS = 100

_STEPS_TO_FLOAT64 = 60

_FLOATS = np.ndarray[tuple[int], np.dtype[np.float64]]


@dataclass(frozen=True, kw_only=True, slots=True)
class EffectSums:
    """All that is kept of the units: it does not grow with them.

    Attributes:
        num_stable, num_candidate: Units of each arm.
        sum_stable, sum_candidate: Of their values.
        sum_x, sum_w: Of X and of w, see above.
        sum_xx, sum_xw, sum_ww: Of their products.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}
    num_stable: int = 0
    num_candidate: int = 0
    sum_stable: float = 0.0
    sum_candidate: float = 0.0
    sum_x: float = 0.0
    sum_w: float = 0.0
    sum_xx: float = 0.0
    sum_xw: float = 0.0
    sum_ww: float = 0.0

    @property
    def num_units(self) -> int:
        """Units of both arms."""
        return self.num_stable + self.num_candidate

    @property
    def estimate(self) -> float:
        """Effect of the candidate, in the metric's unit; NaN without information."""
        return self.sum_x / self.sum_w if self.sum_w > 0 else math.nan

    @property
    def variance(self) -> float:
        """V of the module's formula, >= 0."""
        if self.sum_w <= 0:
            return 0.0
        effect = self.estimate
        residual = (
            self.sum_xx - 2 * effect * self.sum_xw + effect * effect * self.sum_ww
        )
        return max(0.0, residual)

    @property
    def has_enough(self) -> bool:
        """Each arm has MIN_UNITS and the values are not all alike."""
        fewest = min(self.num_stable, self.num_candidate)
        return fewest >= MIN_UNITS and self.variance > 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """What the effect may be, at this look and all others together.

    Attributes:
        estimate: In the metric's unit; NaN before there is information.
        low, high: Bounds; infinite before each arm has MIN_UNITS.
        p_value: Always-valid p-value of no effect, for this look, in (0, 1].
    """

    estimate: float
    low: float
    high: float
    p_value: float


def add_units(
    sums: EffectSums, is_candidate: np.ndarray, values: np.ndarray, shares: np.ndarray
) -> EffectSums:
    """Adds units in the order in which they became evidence.

    Args:
        sums: What was added before.
        is_candidate: bool [units]. Which arm the unit was given to.
        values: float64 [units]. The metric, finite, clipped if it is to be.
        shares: float64 [units]. The candidate's share then, in [0, 1].

    Returns:
        The same sums whether units come one by one or in batches, up to rounding.
        The very first unit only serves as the mean for the next.
    """
    if len(values) == 0:
        return sums
    total_before = sums.sum_stable + sums.sum_candidate
    numbers = sums.num_units + np.arange(len(values))
    totals = total_before + np.concatenate([[0.0], np.cumsum(values)[:-1]])
    means = np.divide(totals, numbers, out=values.astype(float), where=numbers > 0)
    arm = is_candidate.astype(float)
    x = (arm - shares) * (values - means)
    w = np.where(numbers > 0, shares * (1 - shares), 0.0)
    return EffectSums(
        num_stable=sums.num_stable + int((~is_candidate).sum()),
        num_candidate=sums.num_candidate + int(is_candidate.sum()),
        sum_stable=sums.sum_stable + float(values[~is_candidate].sum()),
        sum_candidate=sums.sum_candidate + float(values[is_candidate].sum()),
        sum_x=sums.sum_x + float(x.sum()),
        sum_w=sums.sum_w + float(w.sum()),
        sum_xx=sums.sum_xx + float((x * x).sum()),
        sum_xw=sums.sum_xw + float((x * w).sum()),
        sum_ww=sums.sum_ww + float((w * w).sum()),
    )


def interval_of(sums: EffectSums, *, level: float, planned_variance: float) -> Interval:
    """Returns the effect and what it may be.

    Args:
        sums: Of the units so far.
        level: 1 minus the probability that it covers the effect at all looks.
        planned_variance: V at which it is tightest, > 0: information * std^2 of the
            plan. Chosen before the first look.
    """
    if not sums.has_enough:
        return Interval(
            estimate=sums.estimate, low=-math.inf, high=math.inf, p_value=1.0
        )
    mixture = mixture_of(planned_variance, level)
    radius = boundary(sums.variance, mixture, level) / sums.sum_w
    return Interval(
        estimate=sums.estimate,
        low=sums.estimate - radius,
        high=sums.estimate + radius,
        p_value=_p_value(sums.sum_x, sums.variance, mixture),
    )


def mixture_of(planned_variance: float, level: float) -> float:
    """Returns r of the formula: the one that makes it tightest at a variance.

    r = V / (x - 1), x being the larger solution of x - log x = 1 - 2 log a (which is
    -W_-1(-a^2/e), of the lower branch of Lambert's function).

    Source: Howard et al. 2021, the tuning of the normal mixture, two-sided.
    """
    constant = 1 - 2 * math.log(level)
    x = constant
    # Each step divides the error by x or more, which is above 2 for levels below 0.5.
    for _ in range(_STEPS_TO_FLOAT64):
        x = constant + math.log(x)
    return planned_variance / (x - 1)


def boundary(variance: float, mixture: float, level: float) -> float:
    """Returns what |S| exceeds at any V ever with probability `level` at most.

    Source: Howard et al. 2021, the two-sided normal mixture with l_0 = 1.
    """
    widened = variance + mixture
    return math.sqrt(widened * math.log(widened / (mixture * level**2)))


def _p_value(total: float, variance: float, mixture: float) -> float:
    """Returns 1 over the mixture's likelihood ratio, at most 1.

    Source: Johari et al. 2022, mixture sequential probability ratio test.
    """
    widened = variance + mixture
    log_ratio = 0.5 * math.log(mixture / widened) + total**2 / (2 * widened)
    return min(1.0, math.exp(-log_ratio))

"""Whether a distribution changed: five statistics of the same cells, then and now.

p and q are the shares of the window's n values and the reference's m in B cells,
s = 1/n + 1/m. Where nothing changed, p - q is multinomial noise with covariance
s (diag(π) - π πᵀ): every p-value here follows from that and so counts the
reference's rows too. PSI, Jensen-Shannon and chi-square are to first order the same
quadratic form of p - q; they differ in what they make of rare cells.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, kolmogorov, ndtr

from serving.monitoring.feature_space import Counts
from serving.monitoring.report_format import TestName


@dataclass(frozen=True, kw_only=True, slots=True)
class Distance:
    """How far two distributions are apart.

    Attributes:
        statistic: >= 0.
        p_value: 0 to 1.
        formula: With the numbers in it.
    """

    statistic: float
    p_value: float
    formula: str


@dataclass(frozen=True, kw_only=True)
class Cells:
    """Counts of the same cells then and now.

    Attributes:
        now, then: Shape [B], B >= 1; each has at least one row.
        design_effect: Rows that count as one measurement, >= 1.
    """

    now: Counts
    then: Counts
    design_effect: float = 1.0

    @property
    def shares(self) -> tuple[Counts, Counts]:
        """Returns p and q."""
        return self.now / self.now.sum(), self.then / self.then.sum()

    @property
    def pooled(self) -> Counts:
        """π, the shares of both sides' rows together."""
        both: Counts = (self.now + self.then) / (self.now.sum() + self.then.sum())
        return both

    @property
    def noise(self) -> float:
        """s, with the rows divided by the design effect."""
        return self.design_effect * float(1 / self.now.sum() + 1 / self.then.sum())

    @property
    def sizes(self) -> str:
        """B, n and m in words."""
        rows = f"{len(self.now)} cells, n={self.now.sum():.0f}, m={self.then.sum():.0f}"
        effect = self.design_effect
        return rows if effect == 1 else f"{rows}, design effect {effect:g}"


def ks(cells: Cells) -> Distance:
    """Kolmogorov-Smirnov's statistic at the ends of ordered cells.

    D = max over cells of |P - Q|, cumulative shares. The p-value is Kolmogorov's limit
    of D / √s. It allows for every point and not only the B - 1 that are known, and is
    an upper bound for that reason, also where a point has hardly any rows on one side.

    Source:
        A. N. Kolmogorov (1933); N. V. Smirnov, "Table for estimating the goodness of
        fit of empirical distributions", Ann. Math. Stat. 19 (1948), 279-281.
    """
    now, then = (np.cumsum(share)[:-1] for share in cells.shares)
    largest = float(np.abs(now - then).max(initial=0.0))
    return Distance(
        statistic=largest,
        p_value=float(kolmogorov(largest / math.sqrt(cells.noise))),
        formula="D = max |P - Q| at the ends of cells, p by Kolmogorov's limit; "
        f"{cells.sizes}",
    )


def psi(cells: Cells) -> Distance:
    """Population stability index: Σ (p - q) ln(p / q), in nats.

    Half a row is added to every cell of both sides, so that an empty one counts as
    rare and not as infinitely far. Where nothing changed PSI / s is chi-square with
    B - 1 degrees of freedom.

    Source:
        B. Yurdakul and J. Naranjo, "Statistical properties of the population
        stability index", Journal of Risk Model Validation 14 (2020), 89-100.
    """
    now, then = (_with_half_a_row(counts) for counts in (cells.now, cells.then))
    value = float(((now - then) * np.log(now / then)).sum())
    return Distance(
        statistic=value,
        p_value=_chi_square_tail(value / cells.noise, len(cells.now)),
        formula=f"PSI = Σ (p - q) ln(p/q), PSI / (1/n + 1/m) ~ χ²; {cells.sizes}",
    )


def jensen_shannon(cells: Cells) -> Distance:
    """Jensen-Shannon divergence, in bits: 0 for equal, 1 for disjoint distributions.

    JSD = (KL(p | a) + KL(q | a)) / 2 with a = (p + q) / 2. To second order it is
    Σ (p - q)² / (8 a) nats, so that 8 ln(2) JSD / s is chi-square with B - 1 degrees
    of freedom where nothing changed.

    Source:
        J. Lin, "Divergence measures based on the Shannon entropy", IEEE Trans. Inf.
        Theory 37 (1991), 145-151.
    """
    now, then = cells.shares
    middle = (now + then) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [
            np.where(side > 0, side * np.log2(side / middle), 0.0)
            for side in (now, then)
        ]
    value = max(0.0, float(sum(part.sum() for part in parts)) / 2)
    quadratic = 8 * math.log(2) * value / cells.noise
    return Distance(
        statistic=value,
        p_value=_chi_square_tail(quadratic, len(cells.now)),
        formula=f"JSD in bits, 8 ln2 JSD / (1/n + 1/m) ~ χ²; {cells.sizes}",
    )


def l_infinity(cells: Cells) -> Distance:
    """L-infinity distance: the largest difference of two shares, max |p - q|.

    The p-value is the sum over cells of the normal's two tails beyond it, an upper
    bound of the probability that any cell differs by as much.
    """
    now, then = cells.shares
    largest = float(np.abs(now - then).max())
    return Distance(
        statistic=largest,
        p_value=_union_bound(largest, cells.pooled, cells.noise),
        formula=f"max |p - q|, union bound of normal tails; {cells.sizes}",
    )


def chi_square(cells: Cells) -> Distance:
    """Pearson's chi-square of the two samples, shown as Cohen's w.

    X² = Σ (p - q)² / π / s with B - 1 degrees of freedom; w = √(Σ (p - q)² / π) does
    not grow with the rows.

    Source:
        K. Pearson, "On the probability that two independent distributions of
        frequency are really samples from the same population", Biometrika 8 (1911),
        250-254. J. Cohen, "Statistical power analysis" (1988), chapter 7.
    """
    now, then = cells.shares
    pooled = cells.pooled
    occupied = pooled > 0
    squares = float(((now - then)[occupied] ** 2 / pooled[occupied]).sum())
    statistic = squares / cells.noise
    return Distance(
        statistic=math.sqrt(squares),
        p_value=_chi_square_tail(statistic, len(now)),
        formula=f"w = √Σ(p - q)²/π, X² = w²/(1/n + 1/m) = {statistic:.4g}; "
        f"{cells.sizes}",
    )


DISTANCES: Mapping[TestName, Callable[[Cells], Distance]] = {
    "ks": ks,
    "psi": psi,
    "jensen_shannon": jensen_shannon,
    "l_infinity": l_infinity,
    "chi_square": chi_square,
}


def _with_half_a_row(counts: Counts) -> Counts:
    shares: Counts = (counts + 0.5) / (counts + 0.5).sum()
    return shares


def _chi_square_tail(statistic: float, num_cells: int) -> float:
    """P(chi-square >= statistic); 1 for a single cell, of which nothing can differ."""
    return float(chdtrc(num_cells - 1, statistic)) if num_cells > 1 else 1.0


def _union_bound(largest: float, shares: Counts, noise: float) -> float:
    """Sum over shares of P(|difference| >= largest), at most 1."""
    spread = np.sqrt(np.maximum(shares * (1 - shares), 0) * noise)
    moving = spread > 0
    if largest == 0 or not moving.any():
        return 1.0
    return float(min(1.0, 2 * ndtr(-largest / spread[moving]).sum()))

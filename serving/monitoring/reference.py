"""What windows are compared with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from serving.bundle.evaluation import Evaluation
from serving.monitoring.feature_space import (
    MISSING,
    CategorySpace,
    Codes,
    Counts,
    FeatureSpace,
    NumericSpace,
    count_codes,
)


@dataclass(frozen=True, kw_only=True)
class FeatureReference:
    """How one feature was distributed.

    Attributes:
        feature: Its name.
        space: What is counted.
        counts: Rows by code, shape [space.num_codes].
        unknown_rows: Rows whose value would be new to a reference without them; None
            for numbers, and where not every value is listed.
        unknown_dispersion: How much more unknown_rows varies than a binomial count,
            >= 1.
        least_listed: Rows of the rarest listed value where others are not listed; 0
            where all are.
    """

    feature: str
    space: FeatureSpace
    counts: Counts
    unknown_rows: float | None = None
    unknown_dispersion: float = 1.0
    least_listed: float = 0.0

    @property
    def num_rows(self) -> float:
        """Rows, with and without a value."""
        return float(self.counts.sum())

    @property
    def num_values(self) -> float:
        """Rows with a value."""
        return self.num_rows - float(self.counts[MISSING])

    def recounted(self, codes: Codes) -> "FeatureReference":
        """Returns the reference that some rows of the log are, in the same space."""
        counts = count_codes(codes, self.space)
        is_counted = isinstance(self.space, CategorySpace) and self.space.is_complete
        return FeatureReference(
            feature=self.feature,
            space=self.space,
            counts=counts,
            unknown_rows=float(counts[-1]) if is_counted else None,
        )


@dataclass(frozen=True, kw_only=True)
class MonitorReference:
    """All that a monitor compares with and weighs by.

    Attributes:
        model: Name of the model.
        version: Of the bundle.
        bundle_digest: Of its contract; "" without one.
        source: "training", or "window START END".
        features: In the contract's order; those that cannot be compared are left out.
        untested: Feature, in the contract but not in `features`, to the reason.
        golden_rows: A pyarrow Table with `inputs` and `outputs`: what the model makes
            of known rows, to weigh changes by. None: there are none.
        evaluation: How good the model was when it was pushed; None: not known.
    """

    model: str
    version: int
    bundle_digest: str
    source: str
    features: Mapping[str, FeatureReference]
    untested: Mapping[str, str] = field(default_factory=dict)
    golden_rows: Any = None
    evaluation: Evaluation | None = None

    @property
    def num_examples(self) -> int:
        """Rows that were counted; 0 without features."""
        return round(
            max((found.num_rows for found in self.features.values()), default=0.0)
        )


def from_counts(feature: str, space: FeatureSpace, counts: Counts) -> FeatureReference:
    """Returns the reference in whose space nothing of it is unknown.

    What is to be expected of values never seen: each of the f1 values that one row of
    m alone had would have been unknown without that row, so that a new row is unknown
    with probability f1 / m (Good and Turing). Its variance is (f1 + 2 f2) / m², with
    f2 values that two rows had: 1 + 2 f2 / f1 times a binomial's.

    Source:
        I. J. Good, "The population frequencies of species and the estimation of
        population parameters", Biometrika 40 (1953), 237-264. W. W. Esty, "A normal
        limit law for a nonparametric estimator of the coverage of a random sample",
        Annals of Statistics 11 (1983), 905-912.
    """
    if isinstance(space, NumericSpace):
        return FeatureReference(feature=feature, space=space, counts=counts)
    listed = counts[1 : space.other]
    if not space.is_complete:
        least = float(listed.min()) if len(listed) else 0.0
        return FeatureReference(
            feature=feature, space=space, counts=counts, least_listed=least
        )
    once, twice = (float(np.count_nonzero(listed == times)) for times in (1, 2))
    return FeatureReference(
        feature=feature,
        space=space,
        counts=counts,
        unknown_rows=once,
        unknown_dispersion=1 + 2 * twice / once if once else 1.0,
    )

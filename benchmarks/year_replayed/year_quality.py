"""How good both models were, month by month, on the very same rows.

AUC is the probability that a late flight got the higher probability, ties counted half
(Mann and Whitney). Flights of a day share its weather, so rows are not independent and
DeLong's interval would be too narrow: days are drawn with replacement, the same days
for both models (a paired cluster bootstrap; Davison and Hinkley, "Bootstrap Methods and
their Application", 1997, section 3.8). Intervals are percentiles.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

NUM_DRAWS = 1000
LEVEL = 0.95
_FLOOR = 1e-7
_SEED = 2013

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """A number with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class MonthQuality:
    """One month.

    Attributes:
        month: 1 to 12; 0: the mean over the months.
        num_rows: With a label.
        late_share: Of them.
        renewed, never: Metric name to what the served models and the first one had:
            auc, log_loss (nats a flight), calibration (mean probability by mean
            label).
        gain: Metric name to renewed less never renewed.
        versions: Version to the rows it answered.
    """

    month: int
    num_rows: int
    late_share: float
    renewed: Mapping[str, Measure]
    never: Mapping[str, Measure]
    gain: Mapping[str, Measure]
    versions: Mapping[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Draws:
    """Metrics of both models, as measured and in each draw: float64 [1 + draws]."""

    renewed: Mapping[str, Floats]
    never: Mapping[str, Floats]


def year_quality(rows: Any) -> list[MonthQuality]:
    """Returns each month's quality and, last, the mean over the months.

    Args:
        rows: pandas.DataFrame: `month`, `day`, `label` 0 or 1, `renewed`, `never`,
            `version`; at least one late and one punctual flight a month.
    """
    months, draws = [], []
    generator = np.random.default_rng(_SEED)
    for month, its_rows in rows.groupby("month"):
        drawn = _draw(its_rows, generator)
        draws.append(drawn)
        months.append(_quality(int(month), its_rows, drawn))
    return [*months, _mean(rows, draws)]


def _draw(rows: Any, generator: np.random.Generator) -> _Draws:
    days, places = np.unique(rows["day"].to_numpy(), return_inverse=True)
    picked = generator.integers(len(days), size=(NUM_DRAWS, len(days)))
    weights = [np.ones(len(days))]
    weights += [np.bincount(one, minlength=len(days)).astype(float) for one in picked]
    label = rows["label"].to_numpy(dtype=float)
    found = []
    for name in ("renewed", "never"):
        model = _Model(label, rows[name].to_numpy(dtype=float))
        values = [model.metrics(one[places]) for one in weights]
        found.append({key: np.array([one[key] for one in values]) for key in values[0]})
    return _Draws(renewed=found[0], never=found[1])


class _Model:
    """One model's probabilities, sorted once for all draws."""

    def __init__(self, label: Floats, probability: Floats) -> None:
        self._label, self._probability = label, probability
        _, self._ranks = np.unique(probability, return_inverse=True)
        clipped = np.clip(probability, _FLOOR, 1 - _FLOOR)
        self._losses = -np.where(label > 0, np.log(clipped), np.log1p(-clipped))

    def metrics(self, weights: Floats) -> dict[str, float]:
        """Returns the metrics with a weight for each row."""
        total, late = weights.sum(), (weights * self._label).sum()
        positive = np.bincount(self._ranks, weights * self._label)
        negative = np.bincount(self._ranks, weights * (1 - self._label))
        below = np.cumsum(negative) - negative / 2
        return {
            "auc": float((positive * below).sum() / (late * (total - late))),
            "log_loss": float((weights * self._losses).sum() / total),
            "calibration": float((weights * self._probability).sum() / late),
        }


def _quality(month: int, rows: Any, draws: _Draws) -> MonthQuality:
    counts = rows["version"].value_counts().sort_index()
    return MonthQuality(
        month=month,
        num_rows=len(rows),
        late_share=float(rows["label"].mean()),
        renewed={name: _measure(values) for name, values in draws.renewed.items()},
        never={name: _measure(values) for name, values in draws.never.items()},
        gain={
            name: _measure(values - draws.never[name])
            for name, values in draws.renewed.items()
        },
        versions={str(version): int(count) for version, count in counts.items()},
    )


def _mean(rows: Any, draws: Sequence[_Draws]) -> MonthQuality:
    """Returns the mean over months, each of the same weight."""
    names = draws[0].renewed
    together = _Draws(
        renewed={n: np.mean([one.renewed[n] for one in draws], axis=0) for n in names},
        never={n: np.mean([one.never[n] for one in draws], axis=0) for n in names},
    )
    return _quality(0, rows, together)


def _measure(values: Floats) -> Measure:
    """Returns the first value, and percentiles of the others."""
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(values[1:], [tail, 1 - tail])
    return Measure(value=float(values[0]), low=float(low), high=float(high))

"""A feature's rows now and then, counted in one space."""

from dataclasses import dataclass

from serving.monitoring.feature_space import MISSING, Counts
from serving.monitoring.impact import Sensitivity
from serving.monitoring.monitor_settings import MonitorSettings
from serving.monitoring.reference import FeatureReference
from serving.monitoring.report_format import AlarmKind
from serving.monitoring.window_noise import DesignEffects


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A feature's rows now and then, in one space.

    Attributes:
        reference: Then.
        counts: Now, by code, shape [num_codes].
        sensitivity: Predictions by code; None: not known.
        settings: Effect sizes, level of intervals.
        effects: Rows that count as one measurement.
        about: "drift" for features, "prediction" for the prediction.
    """

    reference: FeatureReference
    counts: Counts
    sensitivity: Sensitivity | None
    settings: MonitorSettings
    effects: DesignEffects
    about: AlarmKind = "drift"

    @property
    def feature(self) -> str:
        """Its name."""
        return self.reference.feature

    @property
    def num_rows(self) -> float:
        """Rows of the window."""
        return float(self.counts.sum())

    @property
    def num_values(self) -> float:
        """Rows of the window that have a value."""
        return self.num_rows - float(self.counts[MISSING])

    @property
    def values(self) -> tuple[Counts, Counts]:
        """Rows by value, now and then, without the missing ones."""
        space = self.reference.space
        return (
            space.value_counts(self.counts),
            space.value_counts(self.reference.counts),
        )


def share(part: float, whole: float) -> float:
    """Returns part / whole as a float; 0 of nothing."""
    return float(part / whole) if whole else 0.0

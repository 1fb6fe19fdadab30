"""What a replay does, and the pipeline's settings it does it with."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.year_replayed.feed_faults import FEED_FAULTS, FeedFault
from pipeline.retraining.policy import DRIFT_KINDS

MODEL = "flights"
FIRST_MONTHS = (1, 2, 3)
BAD_MODEL_FROM = date(2013, 7, 15)
DECISION_DAY = 2
"""Day of the month on which the labels of the month before have all come."""

_WEATHER = (
    "temp_f",
    "dewpoint_f",
    "humidity_pct",
    "wind_dir_deg",
    "wind_speed_mph",
    "wind_gust_mph",
    "precip_in",
    "pressure_hpa",
    "visibility_miles",
)
_CALENDAR = ("month", "day_of_month", "day_of_week")


@dataclass(frozen=True, kw_only=True, slots=True)
class CanarySettings:
    """How a candidate is judged: by log loss, a flight a unit, non-inferiority.

    Attributes:
        effect: Greatest loss that is borne, in nats a flight.
        steps: The ramp, as `slipway rollout start --steps` takes it.
        max_duration: An undecided rollout ends then with the stable version.
    """

    effect: str = "0.05"
    steps: str = "10%:50:1d,50%"
    max_duration: str = "14d"


@dataclass(frozen=True, kw_only=True, slots=True)
class YearSettings:
    """What is replayed.

    Attributes:
        work: Folder of everything but the page's copy; emptied at the start.
        months: Served, in order, 4 to 12; at least one.
        rows_per_month: Rows served of each month, evenly drawn; None: all.
        rows_per_request: While no rollout is going on; during one each row is a
            request of its own, for the request is what is assigned.
        window_spans: Newest months that a retraining reads; warm start keeps what was
            learned before. None: all so far.
        rows_per_span: Rows of each month that is trained on; None: all.
        last_day: The last one that is replayed; None: all of the months.
        first_bundle: Folder of a model to begin with; None: it is trained.
        bad_model_from: The bad model is planted on the first day from then on on which
            no rollout goes on; None: never.
        faults: Of the feed.
        canary: How candidates are judged.
        overrides: Settings of the pipeline, over those of `pipeline_overrides`.
    """

    work: Path
    months: tuple[int, ...] = tuple(range(4, 13))
    rows_per_month: int | None = None
    rows_per_request: int = 32
    window_spans: int | None = 3
    rows_per_span: int | None = None
    last_day: date | None = None
    first_bundle: Path | None = None
    bad_model_from: date | None = BAD_MODEL_FROM
    faults: tuple[FeedFault, ...] = FEED_FAULTS
    canary: CanarySettings = field(default_factory=CanarySettings)
    overrides: dict[str, Any] = field(default_factory=dict)

    @property
    def source(self) -> Path:
        """Spans as they were, all twelve months; kept from replay to replay."""
        rows = self.rows_per_span
        return self.work / ("source" if rows is None else f"source-{rows}")

    @property
    def state(self) -> Path:
        """Everything that a replay writes."""
        return self.work / "replay"

    @property
    def spans(self) -> Path:
        """Spans as they arrive."""
        return self.state / "spans"

    @property
    def models(self) -> Path:
        """The model's versions."""
        return self.state / "models" / MODEL

    @property
    def log(self) -> Path:
        """The prediction log."""
        return self.state / "predictions"

    @property
    def rollout(self) -> Path:
        """The rollouts' state, which the router follows."""
        return self.state / "rollout"

    def pipeline_overrides(self) -> dict[str, Any]:
        """Returns what the replay lays over models/flights/flights.yaml."""
        return {
            "work_dir": str(self.state),
            "data.prepare": None,
            "data.input_base": str(self.spans),
            "data.spans": {},
            "data.split": {"by": "time", "eval_fraction": 0.1},
            "deployment.model_base_path": str(self.models.parent),
            "evaluation.thresholds": [
                {"metric": "auc", "min": 0.6},
                {"metric": "auc", "max_decrease": 0.01},
            ],
            "monitoring": monitoring_settings(),
            "retraining": self.retraining_policy(push="held"),
            **self.overrides,
        }

    def retraining_policy(self, push: str) -> dict[str, Any]:
        """Returns the `retraining` section.

        Args:
            push: "held", or "served" for the first model.
        """
        return {
            "new_spans": 1,
            "drift": {"kinds": DRIFT_KINDS, "min_impact": 0.01},
            "quality": [{"metric": "auc", "min": 0.6, "windows": 3, "of_last": 5}],
            "window_spans": self.window_spans,
            "push": push,
            "warm_start": True,
        }


def monitoring_settings() -> dict[str, Any]:
    """Returns the `monitoring` section.

    A window is a day. All flights of an hour at one airport share one weather report,
    and a season is no fault: weather alarms where it is impossible or all but gone. One
    bad day makes no bad model: quality has to be far below the evaluation's, and
    predictions far from those of the version's first day.
    """
    features: dict[str, Any] = {
        name: {"ignore": "a day has one of them"} for name in _CALENDAR
    }
    features |= {
        name: {"design_effect": 20, "ks": 1, "psi": 10, "missing": 0.9}
        for name in _WEATHER
    }
    features["probability"] = {"design_effect": 20, "psi": 2}
    return {
        "window": "1d",
        "level": 0.001,
        "features": features,
        "effects": {"missing": 0.05},
        "quality_drop": {"auc": 0.15, "log_loss": 0.35, "calibration": 1.5},
    }

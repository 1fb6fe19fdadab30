"""The `retraining` section: what asks for a run, and what forbids it."""

from dataclasses import dataclass

from pipeline.setting_checks import require, require_at_least, require_choice
from pipeline.stage_configs import PUSH_PLACES
from pipeline.submit.cron import check_cron

DRIFT_KINDS = ("drift", "unknown", "prediction")


@dataclass(frozen=True, kw_only=True, slots=True)
class DriftTrigger:
    """Asks for a run when the inputs changed and that moves the predictions.

    Attributes:
        kinds: Kinds of the monitor's alarms that count.
        min_impact: Smallest impact of such an alarm, in the monitor's unit (how far
            the change moves predictions at most), 0 to 1. Change below it is named in
            the ledger and starts nothing.
        windows: That many windows must show it, >= 1.
        of_last: Of this many newest windows, >= `windows`.
    """

    kinds: tuple[str, ...] = DRIFT_KINDS
    min_impact: float = 0.01
    windows: int = 2
    of_last: int = 3

    def __post_init__(self) -> None:
        require(len(self.kinds) > 0, "kinds is empty; leave drift out instead.")
        for index, kind in enumerate(self.kinds):
            require_choice(f"kinds[{index}]", kind, DRIFT_KINDS)
        require(
            0 <= self.min_impact <= 1,
            f"min_impact is {self.min_impact!r}; expected a number from 0 to 1.",
        )
        _require_windows(self.windows, self.of_last)


@dataclass(frozen=True, kw_only=True, slots=True)
class QualityTrigger:
    """Asks for a run when a metric's whole interval lies beyond a limit.

    Attributes:
        metric: A metric of the monitor's report, such as "auc" or "log_loss".
        min: Fires where the interval's upper end is below this. None: no such limit.
        max: Fires where the interval's lower end is above this. None: no such limit.
        allow_estimate: Whether an estimate counts in windows without labels.
        windows: That many windows must show it, >= 1.
        of_last: Of this many newest windows in which the metric was measured.
    """

    metric: str
    min: float | None = None
    max: float | None = None
    allow_estimate: bool = False
    windows: int = 1
    of_last: int = 1

    def __post_init__(self) -> None:
        require(
            (self.min is None) != (self.max is None),
            f"metric {self.metric!r} has min {self.min!r} and max {self.max!r}; "
            "give one of the two.",
        )
        _require_windows(self.windows, self.of_last)


@dataclass(frozen=True, kw_only=True, slots=True)
class RetrainingConfig:
    """When a model is trained again without a person asking.

    Attributes:
        schedule: Cron expression of five fields in UTC, such as "0 6 * * 1". None: no
            schedule.
        new_spans: This many spans that no run has read ask for a run. None: none do.
        drift: See DriftTrigger. None: drift asks for nothing.
        quality: Each of them may ask; see QualityTrigger.
        window_spans: The run reads this many of the newest spans, those it evaluates
            on included. None: what data.spans says.
        min_new_rows: Fewer rows that the last blessed model has not seen are no
            reason to train, >= 1.
        max_runs_per_day: Runs started in any 24 hours, those that were killed
            included.
        max_refused_runs: After this many runs in a row without a blessed model, none
            is started until data or code change.
        push: "held": the new model waits in held/ for a rollout or `slipway promote`;
            "served": it is served at once.
        warm_start: Whether the run starts from the last blessed model's weights.
            None: what train.warm_start says.
    """

    schedule: str | None = None
    new_spans: int | None = 1
    drift: DriftTrigger | None = None
    quality: tuple[QualityTrigger, ...] = ()
    window_spans: int | None = None
    min_new_rows: int = 1000
    max_runs_per_day: int = 4
    max_refused_runs: int = 2
    push: str = "served"
    warm_start: bool | None = None

    def __post_init__(self) -> None:
        if self.schedule is not None:
            check_cron("schedule", self.schedule)
        for name in ("new_spans", "window_spans"):
            value = getattr(self, name)
            if value is not None:
                require_at_least(name, value, 1)
        require_at_least("min_new_rows", self.min_new_rows, 1)
        require_at_least("max_runs_per_day", self.max_runs_per_day, 1)
        require_at_least("max_refused_runs", self.max_refused_runs, 1)
        require_choice("push", self.push, PUSH_PLACES)


def _require_windows(windows: int, of_last: int) -> None:
    require_at_least("windows", windows, 1)
    require(
        of_last >= windows,
        f"of_last is {of_last!r}, fewer than windows {windows!r}: it could never fire.",
    )

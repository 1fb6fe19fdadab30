"""What a rollout was asked to do; fixed before its first request, never changed after.

Every bound of every test is part of the plan: an always-valid test is valid because
nothing of it was chosen after a look at the data.
"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from serving.rollout.errors import RolloutError

Kind = Literal["shadow", "canary", "ab", "blue_green"]
Goal = Literal["superiority", "non_inferiority"]
RailName = Literal["errors", "refused", "missing", "slow", "different"]

METRIC_PREFIX = "metric."
LOG_LOSS, ERROR = "log_loss", "error"

# A test of level one half would decide by a coin.
_HALF = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One step of the ramp.

    Attributes:
        share: Of the requests for the candidate, in [0, 1].
        min_requests: The candidate must have answered in this step before the next.
        min_duration_s: Seconds the step lasts at least.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}
    share: float
    min_requests: int = 0
    min_duration_s: float = 0.0

    def __post_init__(self) -> None:
        """Refuses what is no share and no length."""
        _require(0 <= self.share <= 1, "steps.share", self.share, "0 to 1")
        _require(self.min_requests >= 0, "min_requests", self.min_requests, "0 or more")
        _require(
            0 <= self.min_duration_s < math.inf,
            "steps.min_duration_s",
            self.min_duration_s,
            "0 or more",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricPlan:
    """The metric that decides, and the test it decides by.

    Attributes:
        name: `log_loss` or `error`, of output and label; or `metric.NAME`, a number
            that came with the labels.
        goal: `superiority`: promoted once the candidate is shown to be better;
            `non_inferiority`: once it is shown to be worse by less than
            minimum_effect.
        minimum_effect: In the metric's unit, > 0: the least improvement worth finding,
            or the greatest loss that is borne.
        std: Standard deviation of one unit's value, > 0, as planned with. A wrong one
            makes the test slower, never wrong.
        level: Share of rollouts of equal arms that may be decided, in (0, 0.5).
        power: Share of rollouts in which minimum_effect is found, in (0.5, 1).
        information: Sum of p(1 - p) over the units, p being the candidate's share, at
            which the test ends; a quarter of the units at equal shares.
        label_delay_s: Seconds after which a label has come or is given up. Younger
            rows are no evidence, whether their label is there or not: labels that come
            first are not like those that come last.
        log_lag_s: Seconds on the log's clock after which a row is in the log; rows that
            appear later are missed, of both arms.
        settle_s: Seconds after a change of shares whose rows are no evidence, for
            routers take a moment to follow.
        is_larger_better: Which way is better.
        clip: Values are clipped to [low, high]; None: as they are. A few huge values
            would otherwise decide: the test's error rate holds for large samples, and
            how large depends on the tails.
        output: Field of the logged outputs that holds the probability.
        positive_label: The label's text that counts as 1; None: labels are 0 and 1.
        threshold: `error` calls a probability from here on positive.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}
    name: str
    goal: Goal
    minimum_effect: float
    std: float
    level: float = 0.05
    power: float = 0.8
    information: float
    label_delay_s: float
    log_lag_s: float = 600.0
    settle_s: float = 10.0
    is_larger_better: bool = False
    clip: tuple[float, float] | None = None
    output: str = "probability"
    positive_label: str | None = None
    threshold: float = 0.5

    def __post_init__(self) -> None:
        """Refuses a metric that is not known and numbers no test can use."""
        is_known = self.name in (LOG_LOSS, ERROR) or (
            self.name.startswith(METRIC_PREFIX) and self.name != METRIC_PREFIX
        )
        _require(is_known, "metric.name", self.name, "log_loss, error or metric.NAME")
        for name in ("minimum_effect", "std", "information"):
            value = getattr(self, name)
            _require(0 < value < math.inf, f"metric.{name}", value, "more than 0")
        for name in ("label_delay_s", "log_lag_s", "settle_s"):
            value = getattr(self, name)
            _require(0 <= value < math.inf, f"metric.{name}", value, "0 or more")
        _require(
            0 < self.level < _HALF, "metric.level", self.level, "above 0, below 0.5"
        )
        _require(
            _HALF < self.power < 1, "metric.power", self.power, "above 0.5, below 1"
        )
        is_range = self.clip is None or -math.inf < self.clip[0] < self.clip[1]
        _require(is_range, "metric.clip", self.clip, "low < high")


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardRail:
    """What the candidate must not do, watched from the first request on.

    It is broken once *every* bound that is given is shown to be exceeded.

    Attributes:
        name: What is counted, a share of the candidate's requests:

            errors: no whole answer: unreachable, broken off, timed out, HTTP 5xx
            refused: HTTP 4xx
            missing: answered without outputs, or with null or NaN
            slow: took longer than limit_s
            different: a shadow's answer that is not the stable arm's

        max_rate: Highest share borne, in [0, 1); None: whatever it is.
        max_ratio: Highest multiple of the stable arm's share borne, >= 1; None: the
            stable arm is not compared with.
        limit_s: Seconds, for `slow`; a max_rate of 0.01 bounds the 99th percentile.
        level: Share of harmless rollouts in which it may be broken, in (0, 0.5).
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}
    name: RailName
    max_rate: float | None = None
    max_ratio: float | None = None
    limit_s: float | None = None
    level: float

    def __post_init__(self) -> None:
        """Refuses a guard rail without a bound."""
        place = f"guard_rails.{self.name}"
        has_bound = self.max_rate is not None or self.max_ratio is not None
        _require(has_bound, place, None, "max_rate, max_ratio or both")
        rate, ratio = self.max_rate, self.max_ratio
        _require(
            rate is None or 0 < rate < 1, f"{place}.max_rate", rate, "above 0, below 1"
        )
        _require(
            ratio is None or 1 <= ratio < math.inf,
            f"{place}.max_ratio",
            ratio,
            "1 or more",
        )
        has_limit = self.limit_s is not None and 0 < self.limit_s < math.inf
        _require(
            has_limit if self.name == "slow" else self.limit_s is None,
            f"{place}.limit_s",
            self.limit_s,
            "seconds for slow, nothing for others",
        )
        _require(
            0 < self.level < _HALF, f"{place}.level", self.level, "above 0, below 0.5"
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class RolloutPlan:
    """All that was asked for.

    Attributes:
        steps: The ramp, shares not falling; one step for all kinds but canary.
        metric: What decides beside the guard rails; None: they alone.
        guard_rails: At most one of a name.
        mirrored_share: Of a shadow: share of the requests that are copied.
        min_compared: Of a shadow: compared answers before it can pass.
        model_dir: `{model_base_path}/{model_name}` where both arms are versions of
            it; None: the arms are servers of their own, and only shares are moved.
        log_dir: The prediction log's folder; None where there is no metric.
        drain_s: Seconds the candidate stays as it is after its last request, before
            its folder is moved: routers read shares anew within a second.
        max_duration_s: Seconds after which an undecided rollout ends with the stable
            arm; None: it ends by its metric's information alone.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}
    steps: tuple[Step, ...]
    metric: MetricPlan | None = None
    guard_rails: tuple[GuardRail, ...] = ()
    mirrored_share: float = 1.0
    min_compared: int = 1000
    model_dir: str | None = None
    log_dir: str | None = None
    drain_s: float = 5.0
    max_duration_s: float | None = None

    def __post_init__(self) -> None:
        """Refuses a ramp that falls and a metric without a log."""
        shares = [step.share for step in self.steps]
        is_ramp = bool(shares) and shares == sorted(shares)
        _require(is_ramp, "steps", shares, "one or more, shares not falling")
        _require(
            0 < self.mirrored_share <= 1,
            "mirrored_share",
            self.mirrored_share,
            "above 0, at most 1",
        )
        names = [rail.name for rail in self.guard_rails]
        _require(len(set(names)) == len(names), "guard_rails", names, "each name once")
        has_log = self.metric is None or self.log_dir is not None
        _require(has_log, "log_dir", self.log_dir, "the prediction log of the metric")
        _require(0 <= self.drain_s < math.inf, "drain_s", self.drain_s, "0 or more")


def _require(holds: bool, field: str, value: object, expected: str) -> None:
    if not holds:
        raise RolloutError(f"{field} is {value!r}; expected {expected}.")

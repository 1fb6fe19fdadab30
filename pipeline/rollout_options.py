"""The options of `slipway rollout start`, and the rollout they ask for."""

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast, get_args

from pipeline.settings_loader import ConfigError
from serving.rollout.baseline import Baseline, measure_baseline
from serving.rollout.durations import seconds_of
from serving.rollout.metric_plan import EffectAsked, draft_metric, planned_metric
from serving.rollout.new_rollout import (
    Address,
    RailLimits,
    default_steps,
    guard_rails,
    new_state,
    parse_steps,
)
from serving.rollout.plan import Goal, Kind, MetricPlan, RolloutPlan
from serving.rollout.sample_size import SampleSize
from serving.rollout.state import RolloutState

_BASELINE_S = 14 * 86_400.0
_SECONDS_A_DAY = 86_400


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricOptions:
    """How the metric decides; see `slipway rollout start --help`."""

    name: str
    goal: str | None
    effect: str
    label_delay: str
    level: float
    power: float
    smaller_is_better: bool
    clip: str | None
    output: str
    positive_label: str | None
    std: float | None
    units_per_day: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class StartOptions:
    """What shall be tried; see `slipway rollout start --help`.

    Attributes:
        model_dir: Of the candidate's version; None: servers of their own.
        max_duration: Such as 7d; None: no bound.
    """

    model: str
    kind: str
    arms: tuple[Address, Address]
    limits: RailLimits
    metric: MetricOptions | None
    steps: str | None
    log: Path
    model_dir: Path | None
    min_compared: int
    mirrored_share: float
    max_duration: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class NewRollout:
    """A rollout that can be started.

    Attributes:
        state: The first one.
        size: What its metric's test needs; None: it has none.
        baseline: What that was planned with.
    """

    state: RolloutState
    size: SampleSize | None = None
    baseline: Baseline | None = None


def plan_rollout(options: StartOptions, now: datetime) -> NewRollout:
    """Returns the rollout that was asked for.

    Args:
        options: The command's.
        now: On the clock of the evidence.

    Raises:
        ConfigError: A kind or goal is not known.
        RolloutError: An option cannot be used, or the log has too little to plan with.
    """
    kind = cast("Kind", _one_of("--kind", options.kind, get_args(Kind)))
    steps = parse_steps(options.steps) if options.steps else default_steps(kind)
    metric, size, baseline = None, None, None
    if options.metric is not None:
        metric, size, baseline = _plan_metric(options, options.metric, kind, now)
    plan = RolloutPlan(
        steps=steps,
        metric=metric,
        guard_rails=guard_rails(kind, options.limits),
        mirrored_share=options.mirrored_share,
        min_compared=options.min_compared,
        model_dir=str(options.model_dir) if options.model_dir else None,
        log_dir=str(options.log) if metric else None,
        max_duration_s=seconds_of(options.max_duration)
        if options.max_duration
        else None,
    )
    state = new_state(options.model, kind, options.arms, plan, now)
    return NewRollout(state=state, size=size, baseline=baseline)


def _plan_metric(
    options: StartOptions, asked: MetricOptions, kind: Kind, now: datetime
) -> tuple[MetricPlan, SampleSize, Baseline]:
    default_goal = "non_inferiority" if kind == "canary" else "superiority"
    goal = _one_of("--goal", asked.goal or default_goal, get_args(Goal))
    draft = draft_metric(asked.name, cast("Goal", goal), seconds_of(asked.label_delay))
    draft = dataclasses.replace(
        draft,
        level=asked.level,
        power=asked.power,
        is_larger_better=draft.is_larger_better and not asked.smaller_is_better,
        clip=_range(asked.clip) if asked.clip else None,
        output=asked.output,
        positive_label=asked.positive_label,
    )
    effect = EffectAsked.parse(asked.effect)
    baseline = _baseline(options, asked, draft, now)
    metric, size = planned_metric(draft, effect, baseline)
    return metric, size, baseline


def _baseline(
    options: StartOptions, asked: MetricOptions, draft: MetricPlan, now: datetime
) -> Baseline:
    """Returns what was given, or what the log says."""
    if asked.std is None and asked.units_per_day is None:
        from serving.prediction_log.log_reader import PredictionLog

        log = PredictionLog(options.log, options.model)
        return measure_baseline(log, draft, now, _BASELINE_S)
    if asked.std is None or asked.units_per_day is None:
        raise ConfigError("--std and --units-per-day are given together or not at all.")
    if asked.effect.strip().endswith("%"):
        raise ConfigError(
            f"--effect is {asked.effect!r}, a share of the log's mean, but --std is "
            "given; give the effect in the metric's unit."
        )
    if not asked.units_per_day > 0:
        raise ConfigError(
            f"--units-per-day is {asked.units_per_day:g}; expected more than 0."
        )
    return Baseline(
        num_units=0,
        mean=float("nan"),
        std=asked.std,
        units_per_s=asked.units_per_day / _SECONDS_A_DAY,
    )


def _one_of(option: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise ConfigError(f"{option} is {value!r}; expected {', '.join(known)}.")
    return value


def _range(text: str) -> tuple[float, float]:
    low, _, high = text.partition(":")
    try:
        return float(low), float(high)
    except ValueError as error:
        raise ConfigError(f"--clip is {text!r}; expected LOW:HIGH.") from error

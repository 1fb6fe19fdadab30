"""Turns "find an improvement of 2 %" into a test with all its bounds."""

import dataclasses
from dataclasses import dataclass

from serving.rollout.baseline import Baseline
from serving.rollout.errors import RolloutError
from serving.rollout.plan import LOG_LOSS, METRIC_PREFIX, Goal, MetricPlan
from serving.rollout.sample_size import SampleSize, Spread, sample_size

ALLOWANCE = 1.1
# Measured: halving the distance of calibrated probabilities (33 % positive) from their
# mean takes a third off the spread of their log losses; benchmarks/rollout_errors.py.
SHARPER_ALLOWANCE = 1.25


@dataclass(frozen=True, kw_only=True, slots=True)
class EffectAsked:
    """The effect as it was asked for.

    Attributes:
        number: In the metric's unit, or a share of the baseline's mean; > 0.
        is_relative: The latter.
    """

    number: float
    is_relative: bool

    @classmethod
    def parse(cls, text: str) -> "EffectAsked":
        """Reads `0.01` or `2%`.

        Raises:
            RolloutError: It is neither.
        """
        is_relative = text.strip().endswith("%")
        try:
            number = float(text.strip().removesuffix("%"))
        except ValueError as error:
            raise RolloutError(
                f"effect {text!r} is no number in the metric's unit, such as 0.01, and "
                "no share of its mean, such as 2%."
            ) from error
        return cls(
            number=number / 100 if is_relative else number, is_relative=is_relative
        )


def draft_metric(name: str, goal: Goal, label_delay_s: float) -> MetricPlan:
    """Returns a metric whose numbers are still to be planned.

    Its values can be worked out; larger is better for metric.NAME and smaller for
    log_loss and error.
    """
    return MetricPlan(
        name=name,
        goal=goal,
        minimum_effect=1.0,
        std=1.0,
        information=1.0,
        label_delay_s=label_delay_s,
        is_larger_better=name.startswith(METRIC_PREFIX),
    )


def planned_metric(
    draft: MetricPlan, asked: EffectAsked, baseline: Baseline
) -> tuple[MetricPlan, SampleSize]:
    """Returns the metric with its effect, spread and information.

    Args:
        draft: Its level and power are used.
        asked: The effect.
        baseline: Its spread, and its mean where the effect is relative.

    Raises:
        RolloutError: The effect is not above 0.
    """
    scale = abs(baseline.mean) if asked.is_relative else 1.0
    effect = asked.number * scale
    if not effect > 0:
        raise RolloutError(
            f"effect is {effect:g} in the metric's unit; expected more than 0."
        )
    allowance = SHARPER_ALLOWANCE if draft.name == LOG_LOSS else ALLOWANCE
    size = sample_size(
        Spread(std=baseline.std, allowance=allowance),
        goal=draft.goal,
        effect=effect,
        level=draft.level,
        power=draft.power,
    )
    metric = dataclasses.replace(
        draft, minimum_effect=effect, std=size.std, information=size.information
    )
    return metric, size

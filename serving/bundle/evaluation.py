"""Parts of a contract: how the model was judged before it was pushed."""

from dataclasses import dataclass
from typing import Any, ClassVar

_STRICT = {"extra": "forbid"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """One metric on all evaluation rows.

    Attributes:
        name: Such as "auc".
        value: None where it could not be computed.
        low, high: Confidence interval; None where there is no method.
        method: How the interval was computed; None likewise.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    method: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ThresholdCheck:
    """One bound the model was held against.

    Attributes:
        sentence: Metric, slice, value and limit in words.
        is_met: Whether the bound holds.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    sentence: str
    is_met: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """How the model was judged.

    Attributes:
        verdict: The quality gate's sentence.
        confidence: Level of the intervals, in (0, 1).
        metrics: On all evaluation rows.
        checks: Every bound.
    """

    __pydantic_config__: ClassVar[Any] = _STRICT
    verdict: str
    confidence: float
    metrics: tuple[Metric, ...]
    checks: tuple[ThresholdCheck, ...]

"""What a monitor looks at, and from what size on a change is worth an alarm.

The `monitoring:` section of a pipeline's configuration has the same fields:

    monitoring:
      window: 1d
      slices: [carrier, origin]
      level: 0.01
      features:
        month: {ignore: the model is served in months it was not trained on}
        temp_f: {psi: 2.0}
"""

import math
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"([1-9][0-9]{0,5})([mhdw])")
CLOCKS = ("event_time", "time")


@dataclass(frozen=True, kw_only=True, slots=True)
class EffectSizes:
    """The smallest change of each statistic that is worth an alarm.

    With many rows every difference is significant; these say which matter. The
    defaults mark about the same change, moderate in PSI's usual reading: a PSI of 0.1
    is a Cohen's w of 0.32 and a Jensen-Shannon divergence of 0.018 bits, see
    docs/monitoring.md.

    Attributes:
        missing, unknown: Rate now less the reference's, as a share, 0 to 1.
        out_of_range: Likewise.
        ks: Largest difference of two cumulative shares, 0 to 1.
        psi: Population stability index, in nats, 0 or more.
        jensen_shannon: Divergence in bits, 0 to 1.
        l_infinity: Largest difference of two shares, 0 to 1.
        chi_square: Cohen's w, 0 or more.

    Raises:
        ValueError: One is negative or no number.
    """

    missing: float = 0.02
    unknown: float = 0.02
    out_of_range: float = 0.005
    ks: float = 0.1
    psi: float = 0.1
    jensen_shannon: float = 0.02
    l_infinity: float = 0.1
    chi_square: float = 0.3

    def __post_init__(self) -> None:
        for name in EFFECTS:
            _require_not_negative(name, getattr(self, name))


EFFECTS = (
    "missing",
    "unknown",
    "out_of_range",
    "ks",
    "psi",
    "jensen_shannon",
    "l_infinity",
    "chi_square",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureSettings:
    """How one feature differs from the others.

    Attributes:
        ignore: Why it is measured but never alarms; "" does not ignore it.
        design_effect: How many rows share one measurement (Kish): all flights of an
            hour have one temperature, so that 1,000 rows may be 20 measurements. Rows
            are divided by it before p-values are computed; >= 1. None: what the windows
            before say, see window_noise.
        missing, unknown, out_of_range, ks, psi, jensen_shannon, l_infinity, chi_square:
            Instead of EffectSizes'; None: as there.

    Raises:
        ValueError: One is out of its range.
    """

    ignore: str = ""
    design_effect: float | None = None
    missing: float | None = None
    unknown: float | None = None
    out_of_range: float | None = None
    ks: float | None = None
    psi: float | None = None
    jensen_shannon: float | None = None
    l_infinity: float | None = None
    chi_square: float | None = None

    def __post_init__(self) -> None:
        effect = self.design_effect
        if effect is not None and not 1 <= effect < math.inf:
            raise ValueError(f"design_effect is {effect!r}; expected 1 or more.")
        for name in EFFECTS:
            value = getattr(self, name)
            if value is not None:
                _require_not_negative(name, value)


@dataclass(frozen=True, kw_only=True, slots=True)
class MonitorSettings:
    """The whole of a monitor's settings.

    Attributes:
        window: Length of a window: a whole number and m, h, d or w ("1d", "6h"). They
            start at multiples of it since 1970-01-01 UTC (weeks on a Thursday).
        clock: "event_time" (where a row has none: when it was answered) or "time".
        reference: "training", or "window START END" (ISO 8601, UTC unless an offset is
            given): the rows of the log from START up to END.
        slices: Raw features; each of their values with min_slice_rows rows in a
            window becomes a slice of it.
        level: Probability of any false alarm in a window, all slices together, where
            nothing changed; in (0, 1). One window in 1 / level alarms by chance.
        min_rows, min_slice_rows: Windows and slices with fewer rows are counted and
            not tested; >= 1.
        history: Pairs of earlier windows that say how much a feature varies by itself;
            0: rows are taken for independent.
        effects: What is large enough.
        features: Raw feature, or the output, to what is particular about it.
        output: The output that is a probability.
        positive_label: Label that the probability is of; "": labels are 0 and 1.
        min_impact: Drift that moves predictions by less is "info", 0 to 1.
        critical_impact: From here on it is "critical", 0 to 1.
        critical_rate: A rate that rose by this much is "critical", 0 to 1.
        confidence: Of the intervals of quality and estimate, in (0, 1).
        min_labelled: Rows with labels that quality takes at least; >= 1.
        quality_drop: Metric to how much worse than in the bundle's evaluation it must
            be, both intervals apart, to alarm; calibration's is the relative change.

    Raises:
        ValueError: One is out of its range; the text names it and its value.
    """

    window: str = "1d"
    clock: str = "event_time"
    reference: str = "training"
    slices: tuple[str, ...] = ()
    level: float = 0.01
    min_rows: int = 200
    min_slice_rows: int = 500
    history: int = 28
    effects: EffectSizes = field(default_factory=EffectSizes)
    features: dict[str, FeatureSettings] = field(default_factory=dict)
    output: str = "probability"
    positive_label: str = ""
    min_impact: float = 0.005
    critical_impact: float = 0.03
    critical_rate: float = 0.1
    confidence: float = 0.95
    min_labelled: int = 200
    quality_drop: dict[str, float] = field(
        default_factory=lambda: {"auc": 0.03, "log_loss": 0.03, "calibration": 0.25}
    )

    def __post_init__(self) -> None:
        window_length(self.window)
        reference_window(self.reference)
        if self.clock not in CLOCKS:
            raise ValueError(f"clock is {self.clock!r}; expected one of {CLOCKS}.")
        for name in ("level", "confidence"):
            value = getattr(self, name)
            if not 0 < value < 1:
                raise ValueError(f"{name} is {value!r}; expected between 0 and 1.")
        for name in ("min_rows", "min_slice_rows", "min_labelled"):
            value = getattr(self, name)
            if value < 1:
                raise ValueError(f"{name} is {value!r}; expected 1 or more.")
        for name in ("history", "min_impact", "critical_impact", "critical_rate"):
            _require_not_negative(name, getattr(self, name))
        for metric, drop in self.quality_drop.items():
            _require_not_negative(f"quality_drop.{metric}", drop)

    def effect(self, feature: str, name: str) -> float:
        """Returns the smallest change of a feature's statistic that alarms."""
        own = self.features.get(feature)
        value = None if own is None else getattr(own, name)
        return float(getattr(self.effects, name) if value is None else value)

    def design_effect(self, feature: str) -> float | None:
        """Returns how many rows count as one measurement; None: windows tell."""
        own = self.features.get(feature)
        return None if own is None else own.design_effect

    def ignore_reason(self, feature: str) -> str:
        """Returns why a feature never alarms; "" if it may."""
        own = self.features.get(feature)
        return "" if own is None else own.ignore


def window_length(text: str) -> timedelta:
    """Reads a length of time such as "1d".

    Raises:
        ValueError: It is none.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(
            f"window is {text!r}; expected a whole number of m, h, d or w, as in 6h."
        )
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def reference_window(text: str) -> tuple[datetime, datetime] | None:
    """Reads what a monitor compares with.

    Returns:
        Start and end in UTC; None for "training".

    Raises:
        ValueError: It is neither "training" nor "window START END".
    """
    if text == "training":
        return None
    name, *limits = text.split() or [""]
    try:
        start, end = (_utc(datetime.fromisoformat(limit)) for limit in limits)
    except ValueError:  # no dates, or not two
        start = end = datetime.fromtimestamp(0, UTC)
    if name == "window" and start < end:
        return start, end
    raise ValueError(
        f"reference is {text!r}; expected 'training' or 'window START END', as in "
        "'window 2013-04-01 2013-05-01'."
    )


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _require_not_negative(name: str, value: float) -> None:
    if not 0 <= value < math.inf:
        raise ValueError(f"{name} is {value!r}; expected 0 or more.")

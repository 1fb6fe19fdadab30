"""Alarms where the model became worse than it was when it was pushed."""

from collections.abc import Mapping

from serving.bundle.evaluation import Evaluation, Metric
from serving.monitoring.alarms import alarm_id
from serving.monitoring.monitor_settings import MonitorSettings
from serving.monitoring.report_format import (
    Alarm,
    AlarmKind,
    Measured,
    Quality,
    Severity,
)

# Metric of a report to the evaluation's name for it.
_NAMES: Mapping[str, str] = {"log_loss": "binary_crossentropy"}


def quality_alarms(
    quality: Quality | None, evaluation: Evaluation | None, settings: MonitorSettings
) -> list[Alarm]:
    """Returns an alarm for each metric that is worse than the evaluation's.

    Worse means: the two intervals do not meet, and the difference is at least the
    settings' quality_drop. A loss without an interval in the evaluation counts as
    exact. Calibration is worse if it is further from 1, by that share of itself. An
    estimate without labels is a warning at most.

    Args:
        quality: Of all rows of a window; None: not known.
        evaluation: Of the bundle; None: there is nothing to compare with.
        settings: Its quality_drop.
    """
    if quality is None or evaluation is None:
        return []
    known = {metric.name: metric for metric in evaluation.metrics}
    kind: AlarmKind = "estimate" if quality.is_estimate else "quality"
    severity: Severity = "warning" if quality.is_estimate else "critical"
    alarms = []
    for name, drop in settings.quality_drop.items():
        now, then = quality.metrics.get(name), known.get(_NAMES.get(name, name))
        worse = _worse_by(name, now, then)
        if now is None or then is None or worse is None or worse < drop:
            continue
        marked = "estimated without labels" if quality.is_estimate else "measured"
        alarms.append(
            Alarm(
                id=alarm_id(kind, name, ""),
                severity=severity,
                kind=kind,
                feature="",
                slice="",
                message=f"{name} is {now.value:.4f} ({now.low:.4f} to {now.high:.4f}), "
                f"{marked} on {quality.num_rows:,} rows; when the model was pushed it "
                f"was {then.value:.4f}",
                value=worse,
                threshold=drop,
            )
        )
    return alarms


def _worse_by(name: str, now: Measured | None, then: Metric | None) -> float | None:
    """How much worse; None if that is not known, 0 if it is not proven."""
    if now is None or then is None or now.value is None or then.value is None:
        return None
    if now.low is None or now.high is None:
        return None
    low = then.value if then.low is None else then.low
    high = then.value if then.high is None else then.high
    if now.low <= high and low <= now.high:
        return 0.0
    if name == "log_loss":
        return now.value - then.value
    if name == "calibration":
        return abs(now.value - 1) - abs(then.value - 1)
    return then.value - now.value

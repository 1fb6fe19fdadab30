"""What a monitor tells Prometheus: names, kinds, labels, and the values of a report.

The rule file and the dashboard are made from METRICS, so a name is written once. The
number of time series is bounded: at most 100 features and 100 alarms, those with the
largest impact first; what is left out is counted in slipway_monitor_series_left_out.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from serving.monitoring.alerts.alert_state import AlertState
from serving.monitoring.alerts.observation import observations
from serving.monitoring.report_format import (
    SEVERITIES,
    Alarm,
    FeatureFinding,
    MonitorReport,
    Quality,
    Window,
)

MAX_FEATURES = 100
MAX_ALARMS = 100
PREFIX = "slipway_monitor_"


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        name: Without PREFIX; a counter's ends with _total.
        kind: Of Prometheus.
        labels: Beside "model", which all but the health metrics have.
        about: Its help text.
    """

    name: str
    kind: Literal["gauge", "counter"]
    labels: tuple[str, ...] = ()
    about: str

    @property
    def full_name(self) -> str:
        """The name as Prometheus has it."""
        return PREFIX + self.name


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One value.

    Attributes:
        metric: Of METRICS.
        labels: A value for each of the metric's labels.
        value: Finite.
    """

    metric: Metric
    labels: tuple[str, ...] = ()
    value: float


def _gauge(name: str, labels: tuple[str, ...], about: str) -> Metric:
    return Metric(name=name, kind="gauge", labels=labels, about=about)


def _counter(name: str, labels: tuple[str, ...], about: str) -> Metric:
    return Metric(name=name, kind="counter", labels=labels, about=about)


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        _gauge(
            "window_end_seconds", ("model",), "End of the newest window, Unix time."
        ),
        _gauge("rows", ("model",), "Predictions in the newest window."),
        _gauge("rows_labelled", ("model",), "Those of them whose labels have come."),
        _gauge("version_rows", ("model", "version"), "Rows by model version."),
        _gauge("alarms", ("model", "severity"), "Alarms that last."),
        _gauge(
            "alarm",
            ("model", "kind", "feature", "slice", "severity"),
            "1 for each alarm that lasts.",
        ),
        _gauge("missing_ratio", ("model", "feature"), "Share of rows without a value."),
        _gauge(
            "unknown_ratio",
            ("model", "feature"),
            "Share of the values that the reference does not know.",
        ),
        _gauge("out_of_range_ratio", ("model", "feature"), "Share outside the range."),
        _gauge(
            "impact",
            ("model", "feature"),
            "How far the feature's change moves predictions at most, 0 to 1.",
        ),
        _gauge(
            "prediction_shift",
            ("model",),
            "Mean prediction less the reference's.",
        ),
        _gauge(
            "quality",
            ("model", "metric", "bound"),
            "Measured quality of the newest window with labels: bound is value, low "
            "or high.",
        ),
        _gauge(
            "quality_estimate",
            ("model", "metric", "bound"),
            "Estimated quality, without labels.",
        ),
        _gauge(
            "quality_window_end_seconds",
            ("model",),
            "End of the newest window whose quality is measured, Unix time.",
        ),
        _gauge("skew_rows_replayed", ("model",), "Logged rows replayed."),
        _gauge("skew_rows_different", ("model",), "Those of them that differ."),
        _gauge("series_left_out", ("model",), "Features and alarms not shown here."),
        _gauge("alerts_pending", ("channel",), "Notifications not delivered yet."),
        _counter("alerts_delivered_total", ("channel",), "Notifications delivered."),
        _counter("alerts_dropped_total", ("channel",), "Notifications given up."),
        _counter("passes_total", (), "Passes that were done."),
        _counter("pass_failures_total", (), "Passes that failed."),
        _gauge("last_pass_seconds", (), "How long the newest pass took."),
        _gauge(
            "last_success_timestamp_seconds",
            (),
            "When the newest pass that was done began, Unix time.",
        ),
    )
}
"""By name without the prefix."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """How passes went in this process.

    Attributes:
        num_done, num_failed: Passes.
        last_pass_s: Seconds of the newest.
        last_success: When the newest that was done began; None: none yet.
    """

    num_done: int = 0
    num_failed: int = 0
    last_pass_s: float = 0.0
    last_success: datetime | None = None

    def done(self, started_at: datetime) -> "Health":
        """Returns this with one more pass that was done."""
        return dataclasses.replace(
            self,
            num_done=self.num_done + 1,
            last_pass_s=_since(started_at),
            last_success=started_at,
        )

    def failed(self, started_at: datetime) -> "Health":
        """Returns this with one more pass that failed."""
        return dataclasses.replace(
            self, num_failed=self.num_failed + 1, last_pass_s=_since(started_at)
        )


def _since(moment: datetime) -> float:
    return (datetime.now(UTC) - moment).total_seconds()


def samples(
    report: MonitorReport | None, alerts: AlertState, health: Health
) -> list[Sample]:
    """Returns all values that are known, in the order of METRICS.

    Args:
        report: The newest; None: there is none yet.
        alerts: What was told.
        health: How passes went.
    """
    found = [*_of_health(health), *_of_alerts(alerts)]
    if report is not None:
        found += _of_report(report)
    order = {name: place for place, name in enumerate(METRICS)}
    return sorted(found, key=lambda sample: order[sample.metric.name])


def _sample(name: str, value: float, *labels: str) -> Sample:
    return Sample(metric=METRICS[name], labels=labels, value=float(value))


def _of_health(health: Health) -> Iterator[Sample]:
    yield _sample("passes_total", health.num_done)
    yield _sample("pass_failures_total", health.num_failed)
    yield _sample("last_pass_seconds", health.last_pass_s)
    if health.last_success is not None:
        moment = health.last_success.timestamp()
        yield _sample("last_success_timestamp_seconds", moment)


def _of_alerts(alerts: AlertState) -> Iterator[Sample]:
    for channel in sorted({*alerts.num_delivered, *alerts.pending}):
        waiting = len(alerts.pending.get(channel, ()))
        delivered = alerts.num_delivered.get(channel, 0)
        dropped = alerts.num_dropped.get(channel, 0)
        yield _sample("alerts_pending", waiting, channel)
        yield _sample("alerts_delivered_total", delivered, channel)
        yield _sample("alerts_dropped_total", dropped, channel)


def _of_report(report: MonitorReport) -> Iterator[Sample]:
    model = report.model
    windows = sorted(
        (window for window in report.windows if not window.slice),
        key=lambda window: window.end,
    )
    lasting = [list(moment.alarms.values()) for moment in observations(report)][-1:]
    alarms = lasting[0] if lasting else []
    for severity in SEVERITIES:
        number = sum(alarm.severity == severity for alarm in alarms)
        yield _sample("alarms", number, model, severity)
    yield from _of_alarms(model, alarms)
    if windows:
        yield from _of_window(model, windows[-1])
        yield from _of_features(model, windows[-1].features)
        yield from _of_quality(model, windows)
    if report.skew is not None:
        yield _sample("skew_rows_replayed", report.skew.num_replayed, model)
        yield _sample("skew_rows_different", report.skew.num_different, model)
    features = len(windows[-1].features) if windows else 0
    left_out = max(0, len(alarms) - MAX_ALARMS) + max(0, features - MAX_FEATURES)
    yield _sample("series_left_out", left_out, model)


def _of_alarms(model: str, alarms: Sequence[Alarm]) -> Iterator[Sample]:
    worst = sorted(
        alarms,
        key=lambda alarm: (
            -SEVERITIES.index(alarm.severity),
            -(alarm.impact or 0.0),
            alarm.id,
        ),
    )
    for alarm in worst[:MAX_ALARMS]:
        place = (alarm.kind, alarm.feature, alarm.slice, alarm.severity)
        yield _sample("alarm", 1, model, *place)


def _of_window(model: str, window: Window) -> Iterator[Sample]:
    yield _sample("window_end_seconds", window.end.timestamp(), model)
    yield _sample("rows", window.num_rows, model)
    yield _sample("rows_labelled", window.num_labelled, model)
    for version, rows in window.versions.items():
        yield _sample("version_rows", rows, model, version)
    if window.prediction is not None and window.prediction.mean_shift is not None:
        yield _sample("prediction_shift", window.prediction.mean_shift, model)


def _of_features(model: str, features: Sequence[FeatureFinding]) -> Iterator[Sample]:
    ranked = sorted(features, key=lambda found: -(found.impact or 0.0))
    for found in ranked[:MAX_FEATURES]:
        values = {
            "missing_ratio": found.missing_rate,
            "unknown_ratio": found.unknown_rate,
            "out_of_range_ratio": found.out_of_range_rate,
            "impact": found.impact,
        }
        for name, value in values.items():
            if value is not None:
                yield _sample(name, value, model, found.feature)


def _of_quality(model: str, windows: Sequence[Window]) -> Iterator[Sample]:
    measured = [window for window in windows if window.quality is not None]
    if measured:
        yield from _bounds("quality", model, measured[-1].quality)
        end = measured[-1].end.timestamp()
        yield _sample("quality_window_end_seconds", end, model)
    estimated = [window.estimate for window in windows if window.estimate is not None]
    if estimated:
        yield from _bounds("quality_estimate", model, estimated[-1])


def _bounds(name: str, model: str, quality: Quality | None) -> Iterator[Sample]:
    for metric, measured in (quality.metrics if quality else {}).items():
        for bound in ("value", "low", "high"):
            value = getattr(measured, bound)
            if value is not None:
                yield _sample(name, value, model, metric, bound)

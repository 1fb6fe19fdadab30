import pytest

from serving.bundle.evaluation import Evaluation, Metric
from serving.monitoring.decay import quality_alarms
from serving.monitoring.monitor_settings import MonitorSettings
from serving.monitoring.report_format import Measured, Quality

SETTINGS = MonitorSettings(
    quality_drop={"auc": 0.03, "log_loss": 0.03, "calibration": 0.25}
)
EVALUATION = Evaluation(
    verdict="",
    confidence=0.95,
    metrics=(
        Metric(name="auc", value=0.75, low=0.74, high=0.76),
        Metric(name="binary_crossentropy", value=0.50),
        Metric(name="calibration", value=0.9, low=0.88, high=0.92),
    ),
    checks=(),
)


def alarms(is_estimate=False, **metrics):
    quality = Quality(
        metrics={
            name: Measured(value=value, low=low, high=high)
            for name, (value, low, high) in metrics.items()
        },
        coverage=1.0,
        num_rows=1000,
        is_estimate=is_estimate,
    )
    return quality_alarms(quality, EVALUATION, SETTINGS)


@pytest.mark.parametrize(
    ("name", "measured", "worse"),
    [
        ("auc", (0.65, 0.60, 0.70), 0.10),
        ("log_loss", (0.58, 0.55, 0.61), 0.08),
        ("calibration", (0.5, 0.45, 0.55), 0.4),
        ("calibration", (1.6, 1.4, 1.8), 0.5),
    ],
)
def test_what_became_worse_beyond_both_intervals_is_an_alarm(name, measured, worse):
    (alarm,) = alarms(**{name: measured})
    assert (alarm.id, alarm.severity) == (f"quality:{name}", "critical")
    assert alarm.value == pytest.approx(worse)
    assert f"{name} is {measured[0]:.4f}" in alarm.message


@pytest.mark.parametrize(
    ("name", "measured"),
    [
        ("auc", (0.65, 0.50, 0.745)),  # the intervals meet
        ("auc", (0.73, 0.725, 0.735)),  # 0.02 less
        ("auc", (0.90, 0.88, 0.92)),  # better
        ("log_loss", (0.58, 0.49, 0.67)),
        ("log_loss", (0.40, 0.38, 0.42)),
        ("calibration", (1.0, 0.98, 1.02)),
        ("calibration", (1.2, 1.1, 1.3)),
    ],
)
def test_what_is_not_proven_not_large_or_better_is_none(name, measured):
    assert alarms(**{name: measured}) == []


def test_an_estimate_is_a_warning_and_says_so():
    (alarm,) = alarms(is_estimate=True, auc=(0.65, 0.60, 0.70))
    assert (alarm.id, alarm.severity) == ("estimate:auc", "warning")
    assert "estimated without labels" in alarm.message


def test_nothing_is_said_without_quality_or_without_an_evaluation():
    assert quality_alarms(None, EVALUATION, SETTINGS) == []
    quality = Quality(metrics={"auc": Measured(value=None)}, coverage=1.0, num_rows=10)
    assert quality_alarms(quality, EVALUATION, SETTINGS) == []
    assert quality_alarms(quality, None, SETTINGS) == []


def test_a_metric_that_the_evaluation_lacks_is_not_judged():
    assert alarms(brier=(0.5, 0.4, 0.6)) == []

"""Turns corrected tests into a short list of alarms, the worst first.

A test alarms if the change is proven (Holm's p-value is at most the level) and large
enough (at least its threshold). All tests of one feature that speak of the same thing
make one alarm. Of drift, the impact on predictions decides how bad it is. More missing,
unknown or impossible values are a fault of the feed and at least a warning; fewer
missing ones are drift. Drift is "info" as long as too few windows have told how much
the feature varies by itself. What all rows tell is not said of each slice again.
"""

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from serving.monitoring.holm import holm
from serving.monitoring.monitor_settings import MonitorSettings
from serving.monitoring.report_format import (
    SEVERITIES,
    Alarm,
    AlarmKind,
    FeatureFinding,
    Severity,
    Test,
    Window,
)

_RATES: Mapping[AlarmKind, str] = {
    "missing": "is missing",
    "unknown": "has a value that the reference does not know",
    "range": "is out of its range",
}


def correct_tests(
    sections: Sequence[Sequence[FeatureFinding]], settings: MonitorSettings
) -> list[list[FeatureFinding]]:
    """Corrects every test of a window, of all its slices together.

    Args:
        sections: The findings of all rows and of each slice; with the prediction's.
        settings: Its level and which features are ignored: those are not counted.

    Returns:
        The findings with p_adjusted and alarmed, in the same order.
    """
    tests = [
        test
        for findings in sections
        for finding in findings
        if not settings.ignore_reason(finding.feature)
        for test in finding.tests
    ]
    adjusted = iter(holm([_p_value(test) for test in tests]))
    return [
        [_corrected(finding, adjusted, settings) for finding in findings]
        for findings in sections
    ]


def _p_value(test: Test) -> float:
    return 1.0 if test.p_value is None else test.p_value


def _corrected(
    finding: FeatureFinding, adjusted: Iterator[float], settings: MonitorSettings
) -> FeatureFinding:
    reason = settings.ignore_reason(finding.feature)
    if reason:
        return dataclasses.replace(finding, note=f"ignored: {reason}")
    tests = []
    for test in finding.tests:
        p_adjusted = next(adjusted)
        size = abs(test.statistic) if test.about == "missing" else test.statistic
        tests.append(
            dataclasses.replace(
                test,
                p_adjusted=p_adjusted,
                alarmed=p_adjusted <= settings.level and size >= test.threshold,
            )
        )
    return dataclasses.replace(finding, tests=tuple(tests))


def feature_alarms(
    findings: Iterable[FeatureFinding],
    slice_name: str,
    settings: MonitorSettings,
    examples: Mapping[str, Sequence[str]],
) -> list[Alarm]:
    """Returns the alarms of features and of the prediction, not sorted.

    Args:
        findings: With corrected tests.
        slice_name: "" for all rows.
        settings: From what impact on drift is bad.
        examples: Feature to some unknown values.
    """
    alarms = []
    for finding in findings:
        for kind in _kinds(finding):
            tests = [
                test for test in finding.tests if test.alarmed and test.about == kind
            ]
            worst = max(tests, key=_times_threshold)
            message = _message(finding, worst, examples.get(finding.feature, ()))
            alarms.append(
                Alarm(
                    id=alarm_id(kind, finding.feature, slice_name),
                    severity=_severity(finding, worst, settings),
                    kind=kind,
                    feature=finding.feature,
                    slice=slice_name,
                    message=f"{message} ({slice_name})" if slice_name else message,
                    value=worst.statistic,
                    threshold=worst.threshold,
                    impact=finding.impact,
                )
            )
    return alarms


def _kinds(finding: FeatureFinding) -> list[AlarmKind]:
    """What a finding alarms of; that unknown values are drift too goes unsaid."""
    kinds = dict.fromkeys(test.about for test in finding.tests if test.alarmed)
    if "unknown" in kinds:
        kinds.pop("drift", None)
    return list(kinds)


def alarm_id(kind: AlarmKind, feature: str, slice_name: str) -> str:
    """Returns the same text for the same trouble in each window."""
    return ":".join(part for part in (kind, feature, slice_name) if part)


def sort_alarms(alarms: Iterable[Alarm]) -> tuple[Alarm, ...]:
    """Returns the worst first; of equal severity, the largest impact."""
    return tuple(
        sorted(
            alarms,
            key=lambda alarm: (
                -SEVERITIES.index(alarm.severity),
                -(alarm.impact or 0.0),
                alarm.id,
            ),
        )
    )


def brief_slice(window: Window, told: Collection[tuple[str, str]]) -> Window:
    """Returns a slice's window without what is said of all rows already.

    Args:
        window: Of a slice.
        told: Kind and feature of the alarms of all rows: such alarms are left out, and
            so are histograms of features that do not alarm, for a report of a year
            with twenty slices has 200,000 of them.
    """
    features = tuple(
        finding
        if any(test.alarmed for test in finding.tests)
        else dataclasses.replace(finding, histogram=None)
        for finding in window.features
    )
    alarms = tuple(
        alarm for alarm in window.alarms if (alarm.kind, alarm.feature) not in told
    )
    return dataclasses.replace(window, features=features, alarms=alarms)


def _times_threshold(test: Test) -> float:
    return (
        abs(test.statistic) / test.threshold if test.threshold else abs(test.statistic)
    )


def _severity(
    finding: FeatureFinding, test: Test, settings: MonitorSettings
) -> Severity:
    impact = finding.impact
    if impact is not None and impact >= settings.critical_impact:
        return "critical"
    is_fault = test.about in _RATES and test.statistic > 0
    if finding.design_effect is None and not is_fault:
        return "info"
    if is_fault and test.statistic >= settings.critical_rate:
        return "critical"
    if is_fault or impact is None or impact >= settings.min_impact:
        return "warning"
    return "info"


def _message(finding: FeatureFinding, test: Test, examples: Sequence[str]) -> str:
    name, certainty = finding.feature, f"adjusted p {test.p_adjusted:.1g}"
    if test.about in _RATES:
        now, then = _rate_pair(finding, test)
        listed = ", ".join(repr(value) for value in examples)
        such = f", such as {listed}" if listed and test.about == "unknown" else ""
        return (
            f"{name} {_RATES[test.about]} in {now:.1%} of {test.num_rows:,} rows"
            f"{such}; {then:.1%} are expected ({certainty})"
        )
    moved = _moved(finding)
    about = "predictions have" if test.about == "prediction" else f"{name} has"
    return (
        f"{about} changed: {test.name} {test.statistic:.3g}, alarmed from "
        f"{test.threshold:g} on, in {test.num_rows:,} rows ({certainty}){moved}"
    )


def _rate_pair(finding: FeatureFinding, test: Test) -> tuple[float, float]:
    now = {
        "missing": finding.missing_rate,
        "unknown": finding.unknown_rate,
        "range": finding.out_of_range_rate,
    }[test.about]
    rate = 0.0 if now is None else now
    return rate, rate - test.statistic


def _moved(finding: FeatureFinding) -> str:
    if finding.impact is None or finding.mean_shift is None:
        return ""
    return (
        f"; moves predictions by up to {finding.impact:.3f}, their mean by "
        f"{finding.mean_shift:+.3f}"
    )

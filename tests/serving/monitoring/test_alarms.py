import dataclasses

import pytest

from serving.monitoring.alarms import (
    alarm_id,
    correct_tests,
    feature_alarms,
    sort_alarms,
)
from serving.monitoring.monitor_settings import FeatureSettings, MonitorSettings
from serving.monitoring.report_format import Alarm, FeatureFinding, Test

SETTINGS = MonitorSettings(
    level=0.05, min_impact=0.005, critical_impact=0.03, critical_rate=0.1
)


def finding(*tests, feature="miles", impact=0.01, **more):
    return FeatureFinding(
        feature=feature,
        kind="numeric",
        num_rows=1000,
        missing_rate=0.2,
        reference_missing_rate=0.1,
        unknown_rate=0.3,
        out_of_range_rate=0.01,
        tests=tests,
        impact=impact,
        mean_shift=impact,
        design_effect=1.0,
        **more,
    )


def change_of(name="ks", about="drift", statistic=0.2, p_value=0.001, threshold=0.1):
    return Test(
        name=name,
        about=about,
        statistic=statistic,
        p_value=p_value,
        threshold=threshold,
        formula="",
        num_rows=1000,
        reference_rows=9000,
    )


def corrected(*findings, settings=SETTINGS):
    (found,) = correct_tests([findings], settings)
    return found


def alarms_of(*findings, settings=SETTINGS, slice_name=""):
    return feature_alarms(
        corrected(*findings, settings=settings), slice_name, settings, {}
    )


def test_all_tests_of_all_sections_are_corrected_together():
    sections = [
        [finding(change_of(p_value=0.01), change_of(p_value=0.04))],
        [finding(change_of(p_value=0.02))],
    ]
    (whole,), (part,) = correct_tests(sections, SETTINGS)
    assert [test.p_adjusted for test in whole.tests] == pytest.approx([0.03, 0.04])
    assert part.tests[0].p_adjusted == pytest.approx(0.04)


def test_more_tests_make_each_of_them_harder_to_alarm():
    alone = corrected(finding(change_of(p_value=0.03)))
    assert alone[0].tests[0].alarmed
    others = [change_of(p_value=0.5) for _ in range(3)]
    (among,) = corrected(finding(change_of(p_value=0.03), *others))
    assert not among.tests[0].alarmed


def test_a_proven_change_must_be_large_enough_and_a_large_one_proven():
    small = corrected(finding(change_of(statistic=0.09, p_value=1e-9)))
    unproven = corrected(finding(change_of(statistic=0.9, p_value=0.2)))
    assert not small[0].tests[0].alarmed
    assert not unproven[0].tests[0].alarmed


def test_a_rate_of_missing_values_that_fell_alarms_too_and_is_drift():
    fell = change_of("binomial", "missing", statistic=-0.3, p_value=1e-9)
    (alarm,) = alarms_of(finding(fell, impact=0.001))
    assert (alarm.kind, alarm.severity, alarm.value) == ("missing", "info", -0.3)


def test_ignored_features_neither_alarm_nor_count_among_the_tests():
    settings = dataclasses.replace(
        SETTINGS, features={"month": FeatureSettings(ignore="seasons")}
    )
    ignored = finding(*[change_of(p_value=1e-9)] * 20, feature="month")
    month, miles = corrected(
        ignored, finding(change_of(p_value=0.03)), settings=settings
    )
    assert month.note == "ignored: seasons"
    assert not any(test.alarmed for test in month.tests)
    assert month.tests[0].p_adjusted is None
    assert miles.tests[0].p_adjusted == pytest.approx(0.03)


def test_one_alarm_speaks_for_all_tests_of_one_kind_the_furthest_over_its_threshold():
    tests = (change_of("ks", statistic=0.2), change_of("psi", statistic=0.9))
    (alarm,) = alarms_of(finding(*tests))
    assert (alarm.id, alarm.value, alarm.threshold) == ("drift:miles", 0.9, 0.1)


def test_unknown_values_are_not_told_again_as_drift():
    unknown = change_of("binomial", "unknown", statistic=0.3)
    found = alarms_of(finding(change_of("chi_square"), unknown))
    assert [alarm.kind for alarm in found] == ["unknown"]


@pytest.mark.parametrize(
    ("test", "impact", "severity"),
    [
        (change_of(), 0.004, "info"),
        (change_of(), 0.005, "warning"),
        (change_of(), None, "warning"),
        (change_of(), 0.03, "critical"),
        (change_of(about="prediction"), 0.004, "info"),
        (change_of("binomial", "range", 0.01, threshold=0.005), 0.0, "warning"),
        (change_of("binomial", "unknown", 0.3), 0.0, "critical"),
        (change_of("binomial", "missing", 0.05, threshold=0.02), 0.0, "warning"),
        (change_of("binomial", "missing", 0.05, threshold=0.02), 0.03, "critical"),
    ],
)
def test_severity_goes_by_impact_and_faults_of_the_feed_by_their_rate(
    test, impact, severity
):
    (alarm,) = alarms_of(finding(test, impact=impact))
    assert alarm.severity == severity


def test_the_message_tells_rate_rows_and_what_was_expected():
    missing = change_of("binomial", "missing", statistic=0.1)
    (alarm,) = alarms_of(finding(missing), slice_name="carrier=UA")
    assert alarm.message == (
        "miles is missing in 20.0% of 1,000 rows; 10.0% are expected "
        "(adjusted p 0.001) (carrier=UA)"
    )
    assert alarm.id == "missing:miles:carrier=UA"


def test_the_message_of_drift_tells_what_it_does():
    (alarm,) = alarms_of(finding(change_of(), impact=0.012))
    assert alarm.message == (
        "miles has changed: ks 0.2, alarmed from 0.1 on, in 1,000 rows (adjusted p "
        "0.001); moves predictions by up to 0.012, their mean by +0.012"
    )


def test_the_worst_come_first_then_the_largest_impact():
    def alarm(severity, impact, feature):
        return Alarm(
            id=alarm_id("drift", feature, ""),
            severity=severity,
            kind="drift",
            feature=feature,
            slice="",
            message="",
            value=1.0,
            threshold=0.1,
            impact=impact,
        )

    given = [
        alarm("info", 0.9, "a"),
        alarm("critical", 0.1, "b"),
        alarm("warning", None, "c"),
        alarm("critical", 0.2, "d"),
    ]
    assert [found.feature for found in sort_alarms(given)] == ["d", "b", "c", "a"]

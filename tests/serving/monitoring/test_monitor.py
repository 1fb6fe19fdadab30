import dataclasses
from datetime import timedelta

import numpy as np
import pytest

from serving.monitoring.monitor import monitor_table
from serving.monitoring.monitor_settings import (
    EffectSizes,
    FeatureSettings,
    MonitorSettings,
)
from tests.serving.monitoring.hourly_rides import (
    HOURLY,
    REFERENCE,
    alarm_ids,
    monitored,
    rides,
)
from tests.serving.monitoring.log_rows import (
    START,
    log_table,
    named_tests,
)


def test_rows_like_the_references_raise_no_alarm():
    inputs, probability = rides(2000)
    (window,) = monitored(inputs, probability=probability).windows
    assert window.alarms == ()
    assert (window.start, window.end) == (START, START + timedelta(hours=1))
    assert (window.num_rows, window.versions) == (2000, {"1": 2000})
    assert [found.feature for found in window.features] == ["carrier", "miles"]
    carrier, miles = window.features
    assert set(named_tests(carrier)) == {
        "binomial",
        "jensen_shannon",
        "l_infinity",
        "chi_square",
    }
    assert set(named_tests(miles)) == {"binomial", "ks", "psi"}


def test_unknown_carriers_are_found_counted_and_named():
    inputs, probability = rides(1000)
    inputs["carrier"][:300] = ["ZZ"] * 200 + ["YY"] * 100
    (window,) = monitored(inputs, probability=probability).windows
    alarm = window.alarms[0]
    assert (alarm.id, alarm.severity) == ("unknown:carrier", "critical")
    assert alarm.value == pytest.approx(0.3)
    assert "in 30.0% of 1,000 rows, such as 'ZZ', 'YY'; 0.0% are expected" in (
        alarm.message
    )
    assert window.features[0].unknown_rate == pytest.approx(0.3)


def test_a_column_that_is_gone_is_found():
    inputs, probability = rides(500)
    inputs["miles"] = [None] * 500
    (window,) = monitored(inputs, probability=probability).windows
    assert alarm_ids(window) == ["missing:miles"]
    assert window.alarms[0].severity == "critical"


def test_another_unit_is_found():
    inputs, probability = rides(500)
    inputs["miles"] = [value * 1.609344 for value in inputs["miles"]]
    (window,) = monitored(inputs, probability=probability).windows
    assert "drift:miles" in alarm_ids(window)


def test_values_out_of_the_range_are_found():
    inputs, probability = rides(1000)
    inputs["miles"][:20] = [1e6] * 10 + [-5.0] * 10
    (window,) = monitored(inputs, probability=probability).windows
    assert alarm_ids(window) == ["range:miles"]
    assert window.features[1].out_of_range_rate == pytest.approx(0.02)


def test_a_change_that_is_proven_and_small_raises_no_alarm():
    inputs, probability = rides(200_000, shares=(0.42, 0.28, 0.2, 0.1))
    (window,) = monitored(inputs, probability=probability).windows
    (largest,) = [t for t in window.features[0].tests if t.name == "l_infinity"]
    assert largest.p_adjusted < 1e-6
    assert largest.statistic == pytest.approx(0.02, abs=0.01)
    assert window.alarms == ()
    strict = dataclasses.replace(HOURLY, effects=EffectSizes(l_infinity=0.01))
    (window,) = monitored(inputs, strict, probability=probability).windows
    assert alarm_ids(window) == ["drift:carrier"]


def test_ten_rows_raise_no_alarm_whatever_is_in_them():
    inputs = {"carrier": ["ZZ"] * 10, "miles": [None] * 10}
    (window,) = monitored(inputs).windows
    assert window.alarms == ()
    assert window.features[0].tests == ()
    assert window.features[0].note == "10 rows; expected 200 to test"
    assert window.features[1].missing_rate == 1.0


def test_ten_rows_that_did_not_change_raise_no_alarm_even_if_ten_are_enough():
    inputs, _ = rides(10_000)
    everything = MonitorSettings(
        window="1h",
        min_rows=10,
        effects=EffectSizes(
            **dict.fromkeys(
                (
                    "missing",
                    "unknown",
                    "out_of_range",
                    "ks",
                    "psi",
                    "jensen_shannon",
                    "l_infinity",
                    "chi_square",
                ),
                0.0,
            )
        ),
    )
    windows = monitored(inputs, everything, hours=np.arange(10_000) // 10).windows
    assert len(windows) == 1000
    assert sum(bool(window.alarms) for window in windows) <= 18  # 10 + 2.6 spreads


def test_windows_begin_at_multiples_of_their_length():
    inputs, _ = rides(4)
    report = monitored(inputs, hours=[0.5, 1.0, 0.99, 25.0])
    assert [(window.start - START, window.num_rows) for window in report.windows] == [
        (timedelta(hours=0), 2),
        (timedelta(hours=1), 1),
        (timedelta(hours=25), 1),
    ]


def test_a_day_begins_at_midnight_utc():
    inputs, _ = rides(2)
    report = monitored(inputs, MonitorSettings(window="1d"), hours=[5, 29])
    assert [window.start - START for window in report.windows] == [
        timedelta(0),
        timedelta(days=1),
    ]


def test_event_time_counts_and_where_there_is_none_the_time_of_the_answer():
    inputs, _ = rides(2)
    table = log_table(inputs, hours=[5, 29])
    event = table["event_time"].to_pylist()
    event[0] = None
    table = table.set_column(1, "event_time", [event])
    late = table.set_column(0, "time", [[START + timedelta(days=9)] * 2])
    starts = {
        clock: [
            (window.start - START).days
            for window in monitor_table(
                late, REFERENCE, MonitorSettings(clock=clock)
            ).windows
        ]
        for clock in ("event_time", "time")
    }
    assert starts == {"event_time": [1, 9], "time": [9]}


def test_earlier_windows_are_left_out():
    inputs, _ = rides(2)
    table = log_table(inputs, hours=[0, 5])
    report = monitor_table(table, REFERENCE, HOURLY, since=START + timedelta(hours=5))
    assert [window.start for window in report.windows] == [START + timedelta(hours=5)]


def test_a_log_without_rows_is_a_report_without_windows():
    report = monitored({"carrier": np.array([], str), "miles": np.array([], float)})
    assert report.windows == ()
    assert report.deployments == ()


def test_versions_are_counted_and_their_first_times_kept():
    inputs, _ = rides(3)
    report = monitored(inputs, hours=[0, 3, 1], version=np.array([2, 3, 3]))
    assert [(item.time - START, item.version) for item in report.deployments] == [
        (timedelta(0), 2),
        (timedelta(hours=1), 3),
    ]
    assert [window.versions for window in report.windows] == [
        {"2": 1},
        {"3": 1},
        {"3": 1},
    ]


def test_predictions_are_compared_with_their_versions_first_window():
    inputs, probability = rides(4000)
    hours = np.repeat([0, 1, 2, 3], 1000)
    probability[3000:] += 0.15
    report = monitored(
        inputs, hours=hours, probability=probability, version=np.repeat([1, 2], 2000)
    )
    first, second, third, fourth = report.windows
    assert first.prediction.tests == ()
    assert first.prediction.note == "version 1: nothing earlier to compare with"
    assert second.prediction.reference == (
        "first window of version 1, 2013-04-01 00:00, 1,000 rows"
    )
    assert third.prediction.tests == ()  # version 2 begins
    assert alarm_ids(fourth) == ["prediction:probability"]
    assert fourth.prediction.mean_shift == pytest.approx(0.15, abs=0.02)
    assert fourth.alarms[0].severity == "critical"
    assert "first window of version 2" in report.reference.predictions


def test_drift_that_moves_no_prediction_is_information():
    inputs, probability = rides(2000)
    inputs["miles"] = [value * 1.609344 for value in inputs["miles"]]
    (window,) = monitored(inputs, probability=probability).windows
    drift = {alarm.id: alarm for alarm in window.alarms}["drift:miles"]
    assert drift.impact < 0.005
    assert drift.severity == "info"


def test_drift_that_moves_predictions_comes_first():
    inputs, probability = rides(2000, shares=(0.1, 0.2, 0.3, 0.4))
    inputs["miles"] = [value * 1.609344 for value in inputs["miles"]]
    (window,) = monitored(inputs, probability=probability).windows
    # Mean prediction then 0.22, now 0.38: +0.16, less what is drawn to the mean.
    assert alarm_ids(window)[0] == "drift:carrier"
    assert window.alarms[0].severity == "critical"
    assert window.features[0].mean_shift == pytest.approx(0.16, abs=0.01)


def test_an_ignored_feature_is_measured_and_never_alarms():
    inputs, probability = rides(1000)
    inputs["miles"] = [None] * 1000
    settings = dataclasses.replace(
        HOURLY, features={"miles": FeatureSettings(ignore="no longer sent")}
    )
    (window,) = monitored(inputs, settings, probability=probability).windows
    assert window.alarms == ()
    assert window.features[1].missing_rate == 1.0
    assert window.features[1].note == "ignored: no longer sent"


def test_a_feature_that_is_not_in_the_log_is_named_and_not_called_missing():
    inputs, _ = rides(1000)
    del inputs["miles"]
    report = monitored(inputs)
    assert report.reference.untested == {"miles": "the log does not have it"}
    assert [found.feature for found in report.windows[0].features] == ["carrier"]


def test_a_feature_of_another_type_is_named():
    inputs, _ = rides(300)
    inputs["miles"] = [str(value) for value in inputs["miles"]]
    report = monitored(inputs)
    assert report.reference.untested == {
        "miles": "the log has string where training had numbers"
    }

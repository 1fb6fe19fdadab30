"""The page's first sentence."""

from serving.monitoring.page.alarm_view import alarm_histories
from serving.monitoring.page.verdict import verdict
from tests.serving.monitoring.sample_reports import (
    alarm,
    calm_window,
    feature,
    report,
    unknown_test,
    window,
)


def judged(*windows):
    found = report(*windows)
    return verdict(found, alarm_histories(found))


def test_an_alarm_is_told_with_its_number_and_its_first_day():
    found = judged(calm_window(1), window(2, alarm()), window(3, alarm()))
    assert found.severity == "warning"
    assert found.sentence == (
        "1 warning in the newest window, 3 Jul: carrier has 30 % unknown values, since "
        "2 July 2013; quality holds: AUC 0.710 (0.690 to 0.730), 830 rows (3 Jul, "
        "measured)."
    )


def test_an_alarm_of_the_newest_window_is_new():
    found = judged(calm_window(1), window(2, alarm()))
    assert found.reasons == ("carrier has 30 % unknown values, new",)


def test_alarms_are_counted_by_severity_and_the_worst_are_told():
    alarms = [
        alarm("drift", "a", impact=0.1),
        alarm("drift", "b", impact=0.2),
        alarm("drift", "c", "info"),
        alarm("drift", "d", "critical", impact=0.0),
    ]
    found = judged(calm_window(1), calm_window(2, alarms=tuple(alarms)))
    assert found.severity == "critical"
    assert found.headline == (
        "1 critical alarm, 2 warnings and 1 note in the newest window, 2 Jul"
    )
    assert found.reasons == (
        "d is distributed differently, new",
        "b is distributed differently, new",
        "a is distributed differently, new",
        "and 1 more",
    )


def test_missing_values_are_told_with_what_they_were_before():
    gone = feature(
        missing_rate=0.8,
        reference_missing_rate=0.1,
        tests=(unknown_test(about="missing"),),
    )
    found = judged(window(1, alarm("missing"), features=(gone,)))
    assert found.reasons == (
        "carrier is missing in 80 % of the rows (10 % before), since 1 July 2013",
    )


def test_calm_is_said_and_quality_too():
    found = judged(calm_window(1), calm_window(2, quality=None))
    assert found.severity == "ok"
    assert found.headline == "No alarm in the newest window, 2 Jul"
    assert found.quality == (
        "quality holds: AUC 0.710 (0.690 to 0.730), 830 rows (1 Jul, measured)"
    )


def test_quality_that_is_worse_does_not_hold_and_the_metric_is_named():
    worse = alarm("quality", "", "critical", id="quality:log_loss")
    found = judged(calm_window(1, alarms=(worse,)))
    assert found.quality == (
        "quality is worse: Log loss 0.500 (0.480 to 0.520), 830 rows (1 Jul, measured)"
    )
    assert found.reasons == ("measured quality is worse (Log loss), since 1 July 2013",)


def test_without_labels_the_estimate_is_said_to_be_one():
    found = judged(calm_window(1, quality=None))
    assert found.quality == (
        "quality is not measured, too few labels have come; estimated AUC 0.700 (0.680 "
        "to 0.720), 830 rows"
    )
    nothing = judged(calm_window(1, quality=None, estimate=None))
    assert nothing.quality == "quality is not known, too few labels have come"


def test_too_few_rows_are_not_called_calm():
    found = judged(window(1, features=(feature(tests=()),), num_rows=9))
    assert found.severity == "unknown"
    assert found.reasons == ("its 9 rows are too few to test",)


def test_an_empty_log_is_nothing_to_judge():
    assert judged().severity == "unknown"
    assert judged().headline == "Nothing to judge yet"
    assert judged(window(1, num_rows=0, features=())).severity == "unknown"


def test_an_alarm_of_a_slice_says_which():
    where = {"slice": "origin=JFK"}
    found = judged(calm_window(1), window(1, alarm(**where), **where))
    assert found.reasons[0].startswith("carrier has 30 % unknown values in origin=JFK")

"""Which alarms are told, and when: one window after the other."""

import pytest

from serving.monitoring.alerts.alert_settings import (
    AlertRule,
    AlertSettings,
    ChannelSettings,
)
from serving.monitoring.alerts.alert_state import AlertState
from serving.monitoring.alerts.observation import observations
from serving.monitoring.alerts.transitions import advance, open_alerts
from serving.monitoring.report_format import Skew
from tests.serving.monitoring.sample_reports import (
    alarm,
    calm_window,
    quality,
    report,
    unknown_test,
    window,
)

UNKNOWN = alarm()
CRITICAL = alarm(severity="critical")
DAY_S = 86_400.0


def told(*windows, settings=None, **rule):
    """Returns (event, severity, end's day) of all that is told of these windows."""
    rules = (AlertRule(**{"name": "all", "channels": ("log",), **rule}),)
    settings = settings or AlertSettings(rules=rules)
    state = AlertState(model="flights")
    for seen in observations(report(*windows)):
        state = advance(state, seen, settings)
    return [
        (entry.event, entry.severity, int(entry.window_end[8:10]))
        for entry in state.pending.get("log", ())
    ]


def test_an_alarm_that_lasts_is_told_once():
    assert told(*(window(number, UNKNOWN) for number in (1, 2, 3))) == [
        ("firing", "warning", 2)
    ]


def test_an_alarm_that_is_over_is_resolved_once():
    windows = (window(1, UNKNOWN), calm_window(2), calm_window(3))
    assert told(*windows) == [("firing", "warning", 2), ("resolved", "warning", 3)]


def test_a_graver_alarm_is_told_again_and_a_milder_one_is_not():
    windows = (window(1, UNKNOWN), window(2, CRITICAL), window(3, UNKNOWN))
    more = (window(4, CRITICAL), calm_window(5))
    assert told(*windows, *more) == [
        ("firing", "warning", 2),
        ("escalated", "critical", 3),
        ("resolved", "critical", 6),
    ]


def test_an_alarm_that_comes_back_waits_for_the_cool_down():
    flapping = [
        window(number, UNKNOWN) if number % 2 else calm_window(number)
        for number in range(1, 8)
    ]
    assert told(*flapping, cool_down_s=3 * DAY_S) == [
        ("firing", "warning", 2),
        ("resolved", "warning", 3),
        # It is back in window 3, which is 2 days after; in window 5 it is 4 days.
        ("firing", "warning", 6),
        ("resolved", "warning", 7),
    ]


def test_an_alarm_held_back_is_told_when_the_cool_down_ends_and_it_still_lasts():
    windows = (window(1, UNKNOWN), calm_window(2), window(3, UNKNOWN))
    lasting = (window(4, UNKNOWN), window(5, UNKNOWN))
    assert told(*windows, *lasting, cool_down_s=3 * DAY_S) == [
        ("firing", "warning", 2),
        ("resolved", "warning", 3),
        ("firing", "warning", 5),
    ]


def test_a_graver_alarm_breaks_the_cool_down():
    windows = (window(1, UNKNOWN), calm_window(2), window(3, CRITICAL))
    assert told(*windows, cool_down_s=100 * DAY_S)[-1] == ("firing", "critical", 4)


def test_a_window_that_could_not_be_tested_resolves_nothing():
    untested = window(2, features=(), num_rows=3)
    empty = window(3, features=(), num_rows=0, versions={})
    assert told(window(1, UNKNOWN), untested, empty) == [("firing", "warning", 2)]


def test_a_report_that_begins_later_resolves_only_what_it_measured():
    settings = AlertSettings()
    state = AlertState(model="flights")
    untested = window(2, features=(), num_rows=3)
    events = []
    for found in (report(window(1, UNKNOWN)), report(untested), report(calm_window(3))):
        (seen,) = observations(found)
        state = advance(state, seen, settings)
        events.append([entry.event for entry in state.pending["log"]])
    assert events == [["firing"], ["firing"], ["firing", "resolved"]]


def test_a_quality_alarm_lasts_while_no_newer_window_has_labels():
    worse = alarm("quality", "", message="AUC has fallen.")
    unlabelled = calm_window(2, quality=None, num_labelled=0)
    first = calm_window(1, alarms=(worse,), quality=quality(0.6))
    assert told(first, unlabelled) == [("firing", "warning", 2)]
    labelled = calm_window(3)
    assert told(first, unlabelled, labelled)[-1] == ("resolved", "warning", 4)


def test_an_alarm_of_a_slice_is_not_over_because_all_rows_say_it_too():
    where = {"slice": "origin=JFK"}
    first = window(1, alarm(**where), **where)
    silent = window(2, **where)  # its test alarms, and the window of all rows says so
    assert told(first, silent, window(2, UNKNOWN)) == [
        ("firing", "warning", 2),
        ("firing", "warning", 3),
    ]
    calm = calm_window(3, **where)
    assert told(first, silent, calm)[-1] == ("resolved", "warning", 4)


def test_skew_is_judged_by_the_report():
    gone, still = alarm("skew", "carrier_xf"), alarm("skew", "miles_xf")
    windows = (calm_window(1, alarms=(gone, still)), calm_window(2, alarms=(still,)))
    *_, last = observations(
        report(*windows, skew=Skew(num_replayed=9, num_different=1))
    )
    assert list(last.alarms) == ["skew:miles_xf"]
    assert ("", "skew", "") in last.measured
    windows = (windows[0], calm_window(2))
    *_, last = observations(
        report(*windows, skew=Skew(num_replayed=9, num_different=0))
    )
    assert last.alarms == {}


@pytest.mark.parametrize("skew", [None, Skew(num_replayed=0, num_different=0)], ids=str)
def test_skew_that_was_not_looked_for_is_not_over(skew):
    windows = (calm_window(1, alarms=(alarm("skew", "carrier_xf"),)), calm_window(2))
    *_, last = observations(report(*windows, skew=skew))
    assert list(last.alarms) == ["skew:carrier_xf"]
    *_, last = observations(report(windows[1], skew=skew))
    assert ("", "skew", "") not in last.measured


@pytest.mark.parametrize(
    ("rule", "is_told"),
    [
        ({"kinds": ("unknown", "drift")}, True),
        ({"kinds": ("quality",)}, False),
        ({"features": ("carr*",)}, True),
        ({"features": ("CARRIER",)}, False),
        ({"slices": ("",)}, True),
        ({"slices": ("origin=*",)}, False),
        ({"min_severity": "critical"}, False),
        ({"min_severity": "info"}, True),
    ],
)
def test_a_rule_tells_what_it_matches(rule, is_told):
    assert bool(told(window(1, UNKNOWN), **rule)) == is_told


def test_an_alarm_below_the_rule_s_severity_is_over_for_the_rule():
    windows = (window(1, CRITICAL), window(2, UNKNOWN))
    assert told(*windows, min_severity="critical") == [
        ("firing", "critical", 2),
        ("resolved", "critical", 3),
    ]


def test_rules_remember_for_themselves_and_tell_each_of_their_channels():
    settings = AlertSettings(
        channels={
            "log": ChannelSettings(kind="log"),
            "ops": ChannelSettings(kind="log"),
        },
        rules=(
            AlertRule(name="a", channels=("log", "ops")),
            AlertRule(name="b", channels=("ops",), min_severity="critical"),
        ),
    )
    state = AlertState(model="flights")
    for seen in observations(report(window(1, UNKNOWN), window(2, CRITICAL))):
        state = advance(state, seen, settings)
    kept = {
        name: [(entry.rule, entry.event) for entry in entries]
        for name, entries in state.pending.items()
    }
    assert kept == {
        "log": [("a", "firing"), ("a", "escalated")],
        "ops": [("a", "firing"), ("a", "escalated"), ("b", "firing")],
    }
    numbers = [entry.number for entries in state.pending.values() for entry in entries]
    assert sorted(numbers) == [1, 2, 3, 4, 5]
    assert [entry.rule for entry in open_alerts(state)] == ["a", "b"]


def test_what_cannot_be_delivered_is_bounded_and_the_oldest_goes():
    settings = AlertSettings(
        rules=(AlertRule(name="all", channels=("log",), cool_down_s=0),), max_pending=2
    )
    state = AlertState(model="flights")
    windows = [
        window(number, UNKNOWN) if number % 2 else calm_window(number)
        for number in range(1, 6)
    ]
    for seen in observations(report(*windows)):
        state = advance(state, seen, settings)
    assert [entry.number for entry in state.pending["log"]] == [4, 5]
    assert state.num_dropped == {"log": 3}


def test_what_was_told_is_forgotten_after_the_cool_down():
    settings = AlertSettings(
        rules=(AlertRule(name="all", channels=("log",), cool_down_s=DAY_S),)
    )
    state = AlertState(model="flights")
    counts = []
    windows = (window(1, UNKNOWN), calm_window(2), calm_window(3))
    for seen in observations(report(*windows)):
        state = advance(state, seen, settings)
        counts.append(len(state.told))
    assert counts == [1, 0, 0]


def test_a_window_seen_again_tells_nothing_again():
    settings = AlertSettings()
    state = AlertState(model="flights")
    (seen,) = observations(report(window(1, UNKNOWN)))
    state = advance(state, seen, settings)
    assert advance(state, seen, settings) == state


def test_an_untested_window_does_not_hide_an_alarm_with_its_test_about_something_else():
    other = calm_window(2, features=window(2).features[1:], num_rows=921)
    assert other.features[0].tests == (
        unknown_test(0.0, alarmed=False, about="missing"),
    )
    assert told(window(1, UNKNOWN), other) == [("firing", "warning", 2)]

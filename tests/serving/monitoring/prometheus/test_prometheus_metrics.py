"""What Prometheus reads, and that the rules and the dashboard speak of nothing else."""

import dataclasses
import urllib.request

import pytest

from serving.monitoring.alerts.alert_state import AlertState
from serving.monitoring.prometheus_metrics import (
    MAX_ALARMS,
    MAX_FEATURES,
    METRICS,
    Health,
    samples,
)
from serving.monitoring.prometheus_text import exposition, serving_metrics
from serving.monitoring.report_format import Skew
from tests.serving.monitoring.sample_reports import (
    alarm,
    calm_window,
    day,
    feature,
    quality,
    report,
    window,
)

NOTHING_TOLD = AlertState(model="flights")
FOUND = report(
    window(1, quality=quality(0.68)),
    window(
        2, alarm(), alarm("drift", "temp_f", "critical"), quality=None, num_labelled=0
    ),
    skew=Skew(num_replayed=100, num_different=2),
)


def values(found, name):
    return {
        sample.labels: sample.value
        for sample in samples(found, NOTHING_TOLD, Health())
        if sample.metric.name == name
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rows", {("flights",): 921}),
        ("rows_labelled", {("flights",): 0}),
        ("window_end_seconds", {("flights",): day(3).timestamp()}),
        ("quality_window_end_seconds", {("flights",): day(2).timestamp()}),
        ("version_rows", {("flights", "3"): 921}),
        ("unknown_ratio", {("flights", "carrier"): 0.3}),
        ("missing_ratio", {("flights", "carrier"): 0, ("flights", "temp_f"): 0}),
        ("out_of_range_ratio", {("flights", "temp_f"): 0}),
        ("prediction_shift", {("flights",): -0.01}),
        ("skew_rows_different", {("flights",): 2}),
        ("series_left_out", {("flights",): 0}),
        (
            "alarms",
            {
                ("flights", "info"): 0,
                ("flights", "warning"): 1,
                ("flights", "critical"): 1,
            },
        ),
        (
            "alarm",
            {
                ("flights", "unknown", "carrier", "", "warning"): 1,
                ("flights", "drift", "temp_f", "", "critical"): 1,
            },
        ),
    ],
)
def test_a_metric_is_of_the_newest_window_that_knows_it(name, expected):
    assert values(FOUND, name) == expected


def test_quality_is_the_newest_measured_and_the_estimate_is_apart():
    measured = values(FOUND, "quality")
    assert measured["flights", "auc", "value"] == 0.68
    assert measured["flights", "auc", "low"] == pytest.approx(0.66)
    assert values(FOUND, "quality_estimate")["flights", "auc", "value"] == 0.7


def test_the_number_of_series_is_bounded_and_what_is_left_out_is_counted():
    features = tuple(
        feature(f"f{place}", impact=place / 1000) for place in range(MAX_FEATURES + 5)
    )
    alarms = tuple(
        alarm(feature=f"f{place}", impact=place / 1000)
        for place in range(MAX_ALARMS + 7)
    )
    found = report(window(1, *alarms, features=features))
    shown = values(found, "impact")
    assert len(shown) == MAX_FEATURES
    assert ("flights", "f104") in shown, "the largest impacts must be shown"
    assert ("flights", "f4") not in shown
    assert len(values(found, "alarm")) == MAX_ALARMS
    assert values(found, "alarms")["flights", "warning"] == MAX_ALARMS + 7
    assert values(found, "series_left_out") == {("flights",): 12}


def test_there_are_metrics_before_the_first_report():
    text = exposition(samples(None, NOTHING_TOLD, Health()))
    assert "slipway_monitor_passes_total 0.0" in text
    assert "slipway_monitor_rows" not in text


def test_an_empty_report_has_no_alarms():
    assert set(values(report(), "alarms").values()) == {0}


def test_the_text_says_kind_and_meaning_and_escapes_values():
    named = feature('<"\n>', unknown_rate=0.25)
    text = exposition(
        samples(report(window(1, features=(named,))), NOTHING_TOLD, Health())
    )
    lines = text.splitlines()
    assert "# TYPE slipway_monitor_unknown_ratio gauge" in lines
    assert "# TYPE slipway_monitor_passes_total counter" in lines
    assert (
        r'slipway_monitor_unknown_ratio{feature="<\"\n>",model="flights"} 0.25' in lines
    )


def test_alerts_are_counted_by_channel():
    told = dataclasses.replace(
        NOTHING_TOLD, num_delivered={"ops": 3}, num_dropped={"ops": 1}
    )
    text = exposition(samples(None, told, Health()))
    assert 'slipway_monitor_alerts_delivered_total{channel="ops"} 3.0' in text
    assert 'slipway_monitor_alerts_dropped_total{channel="ops"} 1.0' in text
    assert 'slipway_monitor_alerts_pending{channel="ops"} 0.0' in text


def test_a_server_gives_what_is_known_at_the_moment():
    health = [Health()]
    with serving_metrics(lambda: samples(None, NOTHING_TOLD, health[0]), 0) as port:
        url = f"http://127.0.0.1:{port}/metrics"
        assert b"passes_total 0.0" in _read(url)
        health[0] = health[0].done(day(1))
        assert b"passes_total 1.0" in _read(url)
    with pytest.raises(OSError, match="refused"):
        _read(url)


def _read(url):
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - http, above
        return answer.read()


def test_every_metric_is_given_by_some_report():
    told = dataclasses.replace(NOTHING_TOLD, num_delivered={"ops": 3})
    found = samples(FOUND, told, Health().done(day(1)))
    assert {sample.metric.name for sample in found} == set(METRICS)
    for sample in found:
        assert len(sample.labels) == len(sample.metric.labels)


def test_a_calm_report_has_no_alarm_series():
    assert values(report(calm_window(1)), "alarm") == {}

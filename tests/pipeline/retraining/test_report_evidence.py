"""What of a monitor report is evidence."""

import pytest

from pipeline.retraining.report_evidence import read_report_fact, report_fact
from pipeline.settings_loader import ConfigError
from serving.monitoring.report_format import write_report
from tests.pipeline.retraining.conftest import sha256
from tests.pipeline.retraining.reports import (
    drift,
    quality,
    report,
    window,
    write_report_of,
)


def test_a_file_is_named_by_path_and_digest(tmp_path):
    path = tmp_path / "report.json"
    write_report_of(path, [0.05, 0.0])
    fact = read_report_fact(path)
    assert (fact.path, fact.sha256, fact.version) == (str(path), sha256(path), 3)
    assert [len(found.alarms) for found in fact.windows] == [1, 0]
    (alarm,) = fact.windows[0].alarms
    assert (alarm.kind, alarm.feature, alarm.impact) == ("drift", "humidity_pct", 0.05)


def test_a_report_made_now_has_the_digest_its_file_would_have(tmp_path):
    made = report([window(0)])
    write_report(made, tmp_path / "report.json")
    assert report_fact(made).sha256 == sha256(tmp_path / "report.json")


def test_windows_come_oldest_first_without_slices():
    fact = report_fact(
        report([window(2), window(1, slice="carrier=UA"), window(0), window(1)])
    )
    assert [found.start.day for found in fact.windows] == [1, 2, 3]


@pytest.mark.parametrize(
    ("versions", "counts"),
    [
        ({"3": 900}, True),
        ({"2": 449, "3": 451}, True),
        ({"2": 450, "3": 450}, False),
        ({"2": 900}, False),
        ({}, False),
    ],
)
def test_windows_of_another_version_do_not_count(versions, counts):
    """Or the drift that led to this version would ask for the next one at once."""
    fact = report_fact(report([window(0, [drift(0.5)], versions=versions)]))
    assert bool(fact.windows) == counts


def test_metrics_need_an_interval_and_measured_ones_come_first():
    fact = report_fact(
        report(
            [
                window(
                    0,
                    quality=quality(0.6, low=0.55, high=0.65),
                    estimate=quality(0.7, is_estimate=True, low=0.6, high=0.8),
                ),
                window(1, quality=quality(0.6), estimate=quality(None)),
            ]
        )
    )
    first, second = fact.windows
    assert [(found.value, found.is_estimate) for found in first.metrics] == [
        (0.6, False),
        (0.7, True),
    ]
    assert (first.metrics[0].low, first.metrics[0].high) == (0.55, 0.65)
    assert second.metrics == ()


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"report\.json cannot be read: No such file"):
        read_report_fact(tmp_path / "report.json")


def test_a_file_that_is_no_report_is_named(tmp_path):
    (tmp_path / "report.json").write_text('{"format_version": 2}')
    with pytest.raises(ConfigError, match=r"is no monitor report: format_version is 2"):
        read_report_fact(tmp_path / "report.json")

"""A report that grows with its log says what one made at once would say."""

import dataclasses
from datetime import timedelta

import pytest

from serving.bundle.errors import BundleRefusedError
from serving.monitoring.monitor import monitor_log
from serving.monitoring.monitor_settings import MonitorSettings
from serving.monitoring.service_report import (
    ReportSource,
    first_open,
    refresh_report,
)
from serving.prediction_log.log_reader import PredictionLog
from tests.serving.monitoring.sample_reports import day, window
from tests.serving.monitoring.service.ridden_days import BUNDLE, label_days, log_days

SETTINGS = MonitorSettings(slices=("carrier",), min_slice_rows=50, min_labelled=50)


@pytest.fixture
def source(tmp_path):
    return ReportSource(
        log=PredictionLog(tmp_path / "log", "rides"),
        find_bundle=lambda: BUNDLE,
        settings=SETTINGS,
        label_delay=timedelta(days=2),
    )


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "state"
    path.mkdir()
    return path


def at_once(source):
    return monitor_log(source.log, BUNDLE, source.settings)


def test_what_is_computed_again_is_what_the_whole_log_gives(source, folder):
    log_dir = source.log.log_dir
    log_days(log_dir, 1, 2, 3, 4)
    before, _ = refresh_report(source, folder)
    log_days(log_dir, 5, 6, unknown_share=0.3)
    label_days(log_dir, folder.parent, 3, 4)
    grown, num_computed = refresh_report(source, folder)
    whole = at_once(source)
    # Day 1 was final when 4 began, two days after its end; 2 was not.
    kept = [one for one in before.windows if one.start < day(2)]
    fresh = [one for one in whole.windows if one.start >= day(2)]
    assert list(grown.windows) == kept + fresh
    assert any(one.alarms for one in fresh), "nothing to compare"
    assert num_computed == len(fresh)
    assert grown.reference == whole.reference
    assert grown.deployments == whole.deployments


def test_only_windows_that_can_change_are_computed(source, folder):
    log_days(source.log.log_dir, 1, 2, 3, 4, 5, 6)
    _, num_computed = refresh_report(source, folder)
    report, num_again = refresh_report(source, folder)
    days = {window.start for window in report.windows}
    assert num_computed == len(report.windows)
    assert len(days) == 6
    # Days 4, 5 and 6 may still get labels: 4 ends two days before 6 ends, not begins.
    open_windows = [one for one in report.windows if one.start >= day(4)]
    assert num_again == len(open_windows)


def test_labels_that_come_in_time_are_measured_and_later_ones_are_not(source, folder):
    log_dir = source.log.log_dir
    log_days(log_dir, 1, 2, 3, 4, 5, 6)
    refresh_report(source, folder)
    label_days(log_dir, folder.parent, 1, 2, 3, 4, 5, 6)
    report, _ = refresh_report(source, folder)
    labelled = {
        one.start.day: one.num_labelled for one in report.windows if not one.slice
    }
    assert labelled == {1: 0, 2: 0, 3: 0, 4: 300, 5: 300, 6: 300}


@pytest.mark.parametrize(
    "change",
    [
        {"settings": dataclasses.replace(SETTINGS, level=0.001)},
        {"find_bundle": lambda: BUNDLE.parent / "v1"},
        {"since": day(3)},
    ],
    ids=["settings", "bundle", "since"],
)
def test_another_basis_begins_anew_and_leaves_one_file(source, folder, change):
    log_days(source.log.log_dir, 1, 2, 3, 4, 5, 6)
    refresh_report(source, folder)
    report, num_computed = refresh_report(dataclasses.replace(source, **change), folder)
    assert num_computed == len(report.windows)
    assert len(list(folder.iterdir())) == 1


def test_rows_before_since_are_left_out_again_and_again(source, folder):
    log_days(source.log.log_dir, 1, 2, 3, 4)
    late = dataclasses.replace(source, since=day(3))
    for _ in range(2):
        report, _ = refresh_report(late, folder)
        assert min(one.start for one in report.windows) == day(3)


def test_a_reference_window_is_read_though_it_lies_before_since(source, folder):
    log_days(source.log.log_dir, 1, 2, 3, 4)
    settings = dataclasses.replace(
        SETTINGS, reference="window 2013-07-01 2013-07-02", slices=()
    )
    chosen = dataclasses.replace(source, settings=settings, since=day(3))
    for _ in range(2):
        report, _ = refresh_report(chosen, folder)
        assert report.reference.num_examples == 300
        assert [one.start for one in report.windows] == [day(3), day(4)]


def test_a_damaged_copy_is_made_again(source, folder):
    log_days(source.log.log_dir, 1, 2)
    before, _ = refresh_report(source, folder)
    (path,) = folder.iterdir()
    path.write_text(path.read_text()[:1000])
    again, _ = refresh_report(source, folder)
    assert again.windows == before.windows


def test_an_empty_log_is_a_report_without_windows(source, folder):
    report, num_computed = refresh_report(source, folder)
    assert (report.windows, num_computed) == ((), 0)
    log_days(source.log.log_dir, 1)
    assert refresh_report(source, folder)[0].windows


def test_what_is_no_bundle_is_refused(source, folder, tmp_path):
    broken = dataclasses.replace(source, find_bundle=lambda: tmp_path)
    with pytest.raises((BundleRefusedError, FileNotFoundError)):
        refresh_report(broken, folder)


def test_the_first_open_window_is_the_first_whose_labels_may_come():
    windows = [window(number) for number in (1, 2, 3, 4)]
    # The newest row is of day 4: labels of day 2, which ended at the start of day 3,
    # are due on day 4.
    assert first_open(windows, timedelta(days=1)) == day(3)
    assert first_open(windows, timedelta(0)) == day(4)
    assert first_open(windows, timedelta(days=100)) == day(1)

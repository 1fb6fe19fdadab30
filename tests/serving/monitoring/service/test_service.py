"""Pass after pass: what fails, what is written, how it ends."""

import dataclasses
import re
import threading
import time
from datetime import timedelta

import pytest

from serving.bundle.errors import BundleRefusedError
from serving.monitoring.alerts.alert_manager import AlertManager
from serving.monitoring.alerts.alert_settings import (
    AlertRule,
    AlertSettings,
    ChannelSettings,
)
from serving.monitoring.alerts.errors import DeliveryError
from serving.monitoring.alerts.transitions import open_alerts
from serving.monitoring.monitor_settings import MonitorSettings
from serving.monitoring.report_format import Skew, read_report
from serving.monitoring.service import run_service
from serving.monitoring.service_lock import MonitorLockedError, only_monitor
from serving.monitoring.service_pass import MonitorPass, Outputs
from serving.monitoring.service_report import ReportSource
from serving.prediction_log.log_reader import PredictionLog
from tests.serving.monitoring.sample_reports import alarm
from tests.serving.monitoring.service.ridden_days import BUNDLE, log_days


def counting(stop, *, until, fails_on=()):
    """A pass that stops the service at its end, and when each one began."""
    began = []

    def run_pass():
        began.append(time.monotonic())
        if len(began) == until:
            stop.set()
        if len(began) in fails_on:
            raise OSError("the disk is full")

    return run_pass, began


def test_a_pass_that_fails_is_logged_and_the_next_one_comes(caplog):
    stop = threading.Event()
    run_pass, began = counting(stop, until=3, fails_on=(1, 2))
    run_service(run_pass, 0.001, stop)
    assert len(began) == 3
    assert caplog.text.count("OSError: the disk is full") == 2


class RecordedWaits(threading.Event):
    """Notes how long it is waited for, and does not wait."""

    def __init__(self):
        super().__init__()
        self.waits = []

    def wait(self, timeout=None):
        self.waits.append(timeout)
        return self.is_set()


def test_a_slow_pass_shortens_the_wait_and_none_is_made_up_for():
    stop = RecordedWaits()
    run_pass, _ = counting(stop, until=2)

    def slow():
        run_pass()
        time.sleep(0.1)

    run_service(slow, 60.0, stop)
    assert all(50 < wait <= 59.9 for wait in stop.waits)
    stop = RecordedWaits()
    run_pass, _ = counting(stop, until=2)
    run_service(slow, 0.05, stop)
    assert stop.waits == [0.0, 0.0]


def test_a_wait_ends_at_once_when_it_is_asked_to():
    stop = threading.Event()
    thread = threading.Thread(target=run_service, args=(lambda: None, 3600.0, stop))
    thread.start()
    stop.set()
    thread.join(5)
    assert not thread.is_alive()


def test_a_folder_has_one_monitor_at_a_time(tmp_path):
    with (
        only_monitor(tmp_path / "new"),
        pytest.raises(MonitorLockedError, match="--state DIR"),
        only_monitor(tmp_path / "new"),
    ):
        pass
    with only_monitor(tmp_path / "new"):
        pass


class Monitor:
    """A pass over a log of rides, and the files that it writes."""

    def __init__(self, folder):
        self.bundle = BUNDLE
        self.log_dir = folder / "log"
        self.state = folder / "state"
        self.state.mkdir()
        self.outputs = Outputs(
            json=folder / "report.json",
            page=folder / "page.html",
            metrics=folder / "metrics.prom",
        )
        source = ReportSource(
            log=PredictionLog(self.log_dir, "rides"),
            find_bundle=lambda: self.bundle,
            settings=MonitorSettings(),
            label_delay=timedelta(days=1),
        )
        pager = ChannelSettings(
            kind="command", command=("/bin/false",), num_tries=1, first_pause_s=0
        )
        settings = AlertSettings(
            channels={"log": ChannelSettings(kind="log", num_tries=1), "pager": pager},
            rules=(AlertRule(name="all", channels=("log", "pager")),),
        )
        self.alerts = AlertManager(self.state, "rides", settings, {})
        self.run = MonitorPass(source, self.state, self.outputs, self.alerts)

    def metric(self, name):
        text = self.outputs.metrics.read_text()
        pattern = rf"^slipway_monitor_{re.escape(name)} (\S+)$"
        (value,) = re.findall(pattern, text, re.MULTILINE)
        return float(value)


@pytest.fixture
def monitor(tmp_path):
    return Monitor(tmp_path)


def test_a_pass_writes_report_page_and_metrics_and_tells(monitor, caplog):
    log_days(monitor.log_dir, 1)
    monitor.run()
    log_days(monitor.log_dir, 2, unknown_share=0.3)
    report = monitor.run()
    assert read_report(monitor.outputs.json) == report
    page = monitor.outputs.page.read_text()
    assert "carrier has 3" in page
    assert "&lt;b&gt;new&lt;/b&gt;" in page
    assert "<b>new</b>" not in page
    assert "/bin/false ended with 1" in page, "a failing channel must be seen"
    assert "rides: critical unknown carrier" in caplog.text
    assert monitor.metric('rows{model="rides"}') == 300
    found = monitor.metric('unknown_ratio{feature="carrier",model="rides"}')
    assert 0.2 < found < 0.4
    assert monitor.metric("passes_total") == 2
    assert monitor.metric("pass_failures_total") == 0
    assert monitor.metric('alerts_pending{channel="pager"}') > 0


def test_a_pass_that_fails_keeps_the_old_files_and_is_counted(monitor):
    log_days(monitor.log_dir, 1)
    monitor.run()
    kept = monitor.outputs.json.read_bytes(), monitor.outputs.page.read_bytes()
    monitor.bundle = monitor.state
    with pytest.raises(
        BundleRefusedError, match=r"has no assets\.extra/contract\.json"
    ):
        monitor.run()
    assert kept == (
        monitor.outputs.json.read_bytes(),
        monitor.outputs.page.read_bytes(),
    )
    assert monitor.metric("pass_failures_total") == 1
    assert monitor.metric("passes_total") == 1
    assert monitor.metric('rows{model="rides"}') == 300


def test_skew_is_in_what_is_told_and_shown_and_not_in_what_is_kept(monitor):
    def add(report):
        (window,) = report.windows
        found = dataclasses.replace(window, alarms=(alarm("skew", "carrier_xf"),))
        skew = Skew(num_replayed=300, num_different=7)
        return dataclasses.replace(report, windows=(found,), skew=skew)

    log_days(monitor.log_dir, 1)
    monitor.run.add_skew = add
    assert monitor.run().skew.num_different == 7
    assert "7 differ" in monitor.outputs.page.read_text()
    assert [one.alarm_id for one in open_alerts(monitor.alerts.state)] == [
        "skew:carrier_xf"
    ]
    assert monitor.metric('skew_rows_different{model="rides"}') == 7
    (kept,) = monitor.state.glob("report-*.json")
    assert read_report(kept).skew is None


def test_a_channel_out_of_order_fails_no_pass(monitor):
    class Broken:
        def send(self, _):
            raise DeliveryError("no line")

    monitor.alerts._channels = {"log": Broken(), "pager": Broken()}
    log_days(monitor.log_dir, 1, unknown_share=0.3)
    monitor.run()
    assert monitor.metric("passes_total") == 1

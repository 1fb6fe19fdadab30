"""Rounds that go on: over failures, until somebody asks for the end."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.retraining import report_source
from pipeline.retraining.watch import StopRequest, WatchPlan, watch
from pipeline.watch_command import QuietListener
from tests.pipeline.retraining.conftest import sha256
from tests.pipeline.retraining.reports import write_report_of

ROOT = Path(__file__).resolve().parents[3]


class Between(StopRequest):
    """Does something between two rounds; asks for the end after the last."""

    def __init__(self, *actions):
        super().__init__()
        self.actions = list(actions)

    def wait(self, timeout_s):
        assert timeout_s == 5.0
        if self.actions:
            self.actions.pop(0)()
        else:
            self.set()
        return self.is_set


def no_report():
    return None


def tell_rounds(workshop, *between, run=None, read_report=no_report):
    told = []
    plan = WatchPlan(
        request=workshop.request(by="slipway watch"),
        read_report=read_report,
        every_s=5.0,
    )
    stop = Between(*between)
    watch(plan, stop, told.append, QuietListener(), run or workshop.run)
    return told


def nothing():
    pass


def test_what_the_monitor_writes_is_read_as_soon_as_it_is_there(workshop):
    request = workshop.request()
    read = report_source.from_monitor(request.config_path, request.overrides)
    assert read() is None
    path = workshop.work_dir.path / "monitor" / "report.json"
    path.parent.mkdir()
    write_report_of(path, impacts=[0.05])
    assert read().sha256 == sha256(path)


def test_each_new_span_is_trained_on_and_quiet_rounds_are_not_repeated(workshop):
    told = tell_rounds(
        workshop, nothing, nothing, lambda: workshop.add_span(3), nothing
    )
    assert len(workshop.runs) == 2
    assert [line.partition(":")[0].split()[0] for line in told] == [
        "Train",
        "run",
        "No",
        "Train",
        "run",
        "No",
    ]
    assert {entry.by for entry in workshop.entries() if entry.kind == "decision"} == {
        "slipway watch"
    }


def test_a_failing_round_is_told_once_and_the_next_one_comes(workshop):
    failures = [OSError("No space left on device")] * 2

    def run(*arguments):
        if failures:
            raise failures.pop()
        return workshop.run(*arguments)

    told = tell_rounds(workshop, nothing, nothing, run=run)
    assert told[0] == (
        "this round failed, the next one comes: OSError: No space left on device"
    )
    assert told[1].startswith("Train: ")
    assert len(told) == 3


def test_a_broken_report_does_not_keep_new_data_from_being_trained_on(
    workshop, tmp_path
):
    path = tmp_path / "report.json"
    path.write_text("{")
    told = tell_rounds(workshop, read_report=report_source.from_file(path))
    assert told[0].startswith("the monitor report cannot be used, the next one comes:")
    assert "is no monitor report: it is no JSON" in told[0]
    assert workshop.runs


def test_a_report_that_appears_is_read_and_named_by_its_digest(workshop, tmp_path):
    workshop.settings = {
        "new_spans": None,
        "drift": {"min_impact": 0.02, "windows": 2, "of_last": 3},
    }
    path = tmp_path / "report.json"

    def appear():
        workshop.add_span(3)
        write_report_of(path, impacts=[0.05, 0.0, 0.05])

    tell_rounds(workshop, appear, read_report=report_source.from_file(path))
    first, second, _ = workshop.entries()
    assert (first.action, first.evidence["report"]) == ("no", None)
    assert (second.action, second.evidence["report"]["sha256"]) == ("run", sha256(path))
    assert second.evidence["report"]["path"] == str(path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_during_a_run_ends_it_and_the_watch(workshop, number):
    def run(*_):
        os.kill(os.getpid(), number)
        time.sleep(60)

    stop = StopRequest()
    plan = WatchPlan(request=workshop.request(), read_report=no_report, every_s=3600.0)
    with stop.listening():
        watch(plan, stop, [].append, QuietListener(), run)
    end = workshop.entries()[-1]
    assert (end.kind, end.state) == ("end", "interrupted")


PROGRAM = """
import sys
from pathlib import Path
import typer
from pipeline.watch_command import watch
app = typer.Typer()
app.command()(watch)
app(sys.argv[1:])
"""


def test_sigterm_between_two_rounds_ends_the_command_with_zero(workshop):
    workshop.retrain()
    settings = [
        f"--set={name}={json.dumps(value)}"
        for name, value in workshop.overrides.items()
    ]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "flights", "--every=1h", *settings],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline().startswith("No: no span is new since run ")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.stdout.close()
    assert [entry.kind for entry in workshop.entries()] == [
        "decision",
        "end",
        "decision",
    ]

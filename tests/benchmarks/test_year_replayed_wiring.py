"""Two weeks of April, a hundred flights a day: each part of the loop meets the next."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest

from benchmarks.year_replayed.feed_faults import UNKNOWN_CARRIER, FeedFault, unknown
from benchmarks.year_replayed.replay import Replay
from benchmarks.year_replayed.year_settings import (
    CanarySettings,
    YearSettings,
    monitoring_settings,
)
from benchmarks.year_replayed.year_summary import summarize
from pipeline.retraining.decision_ledger import ledger_of
from pipeline.run_record import WorkDir
from pipeline.watch_command import QuietListener
from serving.prediction_log.log_reader import PredictionLog
from serving.rollout.event_log import read_events
from serving.versions.model_folder import held_versions, served_version

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
SMALL = {
    "train.batch_size": 64,
    "evaluation.thresholds": [{"metric": "auc", "min": 0.4}],
    "monitoring": {**monitoring_settings(), "min_rows": 50, "min_labelled": 50},
}
FAULT = FeedFault(
    name="unknown carriers",
    feature="carrier",
    kinds=("unknown",),
    first_day=date(2013, 4, 3),
    change=unknown("carrier"),
)


@pytest.fixture(scope="module")
def replayed(tmp_path_factory):
    settings = YearSettings(
        work=tmp_path_factory.mktemp("year"),
        months=(4,),
        rows_per_span=3000,
        last_day=date(2013, 4, 20),
        bad_model_from=date(2013, 4, 6),
        faults=(FAULT,),
        canary=CanarySettings(steps="50%", effect="0.01"),
        overrides=SMALL,
    )
    replay = Replay(settings, lambda _: None, QuietListener())
    never = replay.run(lambda *_: None)
    return settings, replay, summarize(settings, replay.record, never, replay.windows)


def test_every_row_is_in_the_log_once_and_labelled_a_day_later(replayed):
    settings, replay, _ = replayed
    rows = PredictionLog(settings.log, "flights").read(with_labels=True)
    keys = rows["key"].to_pylist()
    assert len(keys) == len(set(keys)) == replay.record.num_rows > 1000
    assert rows["label"].null_count < 0.1 * len(keys)
    assert set(rows["variant"].to_pylist()) == {"stable", "candidate"}


def test_the_broken_feed_is_told_and_repaired_and_nothing_is_learned_from_it(replayed):
    settings, replay, _ = replayed
    fault = next(one for one in replay.record.faults if one.name == FAULT.name)
    assert fault.is_caught
    assert fault.caught_by.startswith("monitor: ")
    assert fault.num_looks == 1
    assert fault.num_rows > 50
    rows = PredictionLog(settings.log, "flights").read(columns=["event_time", "inputs"])
    broken = {
        row["event_time"].date()
        for row in rows.to_pylist()
        if row["inputs"]["carrier"] == UNKNOWN_CARRIER
    }
    assert broken == {FAULT.first_day}
    entries = ledger_of(WorkDir(settings.state)).read().entries
    actions = [entry.action for entry in entries if entry.kind == "decision"]
    assert actions[0] == "run"
    assert "run" not in actions[1:]


def test_the_bad_model_is_refused_and_once_forced_rolled_back(replayed):
    settings, replay, _ = replayed
    bad = next(one for one in replay.record.faults if one.caught_by.startswith("rollo"))
    assert bad.is_caught, bad
    assert "bundle guard 'golden_batch' refuses it" in bad.also[0]
    assert "bundle refused by golden_batch" in bad.also[1]
    assert 0 < bad.num_requests < bad.num_all_rows
    assert served_version(settings.models) == 1
    assert held_versions(settings.models) == [2]
    names = [entry.event for entry in read_events(settings.rollout).entries]
    assert names == ["started", "decided"]


def test_the_summary_compares_with_the_first_model_on_the_same_rows(replayed):
    _, replay, summary = replayed
    (month,) = summary.months
    assert month.month == 4
    assert 0.8 * replay.record.num_rows < month.num_rows <= replay.record.num_rows
    assert set(month.versions) == {"1", "2"}
    # v2 answered some; it is v1 with two inputs swapped.
    assert month.gain["auc"].value != 0
    assert summary.num_windows >= 14


def test_ctrl_c_ends_every_process(tmp_path):
    command = [sys.executable, "-m", "benchmarks.year_replayed", f"--work={tmp_path}"]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "YEAR_REPLAYED_TEST": str(tmp_path)},
    )
    try:
        _wait_for(
            lambda: list((tmp_path / "replay").glob("runs/*/logs/example_gen.log"))
        )
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        _wait_for(lambda: not _started_by(tmp_path))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    run = next((tmp_path / "replay" / "runs").glob("*/run.json"))
    assert json.loads(run.read_text())["state"] == "interrupted"


def _wait_for(condition, timeout_s=60):
    end_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.1)


def _started_by(folder):
    """Ids of processes that were started with a mark in their environment."""
    mark = f"YEAR_REPLAYED_TEST={folder}".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
    return found

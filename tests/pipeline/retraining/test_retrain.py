"""One round: what is read, what is written down, and what a killed round leaves."""

import fcntl
import json
import os
import subprocess
import sys
from datetime import timedelta

import pytest

from pipeline.retraining.decision_ledger import DecisionEntry, EndEntry
from pipeline.retraining.retrain import rehearse
from pipeline.retraining.words import ledger_in_words
from pipeline.run_record import RunRecord
from tests.pipeline.retraining.conftest import NOW


def actions(workshop):
    return [
        entry.action for entry in workshop.entries() if isinstance(entry, DecisionEntry)
    ]


def words(workshop, last=10):
    return "\n".join(ledger_in_words(workshop.ledger.read(), last))


def test_a_round_writes_its_decision_before_the_run_and_its_end_after(workshop):
    seen = []

    def run(*arguments):
        seen.extend(workshop.entries())
        return workshop.run(*arguments)

    from pipeline.retraining.retrain import retrain
    from pipeline.watch_command import QuietListener

    done = retrain(workshop.request(), QuietListener(), run)
    (decision,) = seen
    assert isinstance(decision, DecisionEntry)
    assert (decision.action, decision.at) == (
        "run",
        NOW.isoformat(timespec="microseconds"),
    )
    assert [span["span"] for span in decision.evidence["spans"]] == [1, 2]
    end = workshop.entries()[-1]
    assert isinstance(end, EndEntry)
    assert (end.decision_seq, end.run_id) == (1, done.record.run_id)
    assert (end.state, end.version, end.exit_code) == ("pushed", 1, 0)


def test_the_run_reads_the_newest_spans_and_keeps_its_model_back(workshop):
    workshop.settings = {"window_spans": 2, "push": "held"}
    workshop.add_span(3)
    done = workshop.retrain()
    assert done.record.spans == [2, 3]
    (overrides,) = workshop.runs
    assert overrides["deployment.push"] == "held"


def test_rounds_over_three_months(workshop):
    workshop.retrain()
    workshop.wait(minutes=10)
    workshop.retrain()
    workshop.add_span(3, rows=9)
    workshop.retrain()
    workshop.add_span(4)
    workshop.states = ["not blessed"]
    workshop.retrain()
    workshop.retrain(asked="once more")
    assert actions(workshop) == ["run", "no", "held", "run", "run"]
    assert workshop.ledger.read().problems == ()


def test_refused_runs_hold_further_ones_back_until_data_change(workshop):
    workshop.settings = {"max_runs_per_day": 50}
    workshop.states = ["not blessed", "not blessed"]
    workshop.retrain()
    workshop.retrain(asked="again")
    held = workshop.retrain(asked="and again")
    assert [hold.kind for hold in held.decision.holds] == ["refused"]
    workshop.add_span(3)
    assert workshop.retrain().decision.action == "run"


def test_runs_of_others_count_as_history_but_not_against_the_bound(workshop):
    workshop.settings = {"max_runs_per_day": 1}
    workshop.run(workshop.request().config_path, workshop.overrides, None)
    workshop.add_span(3)
    done = workshop.retrain()
    assert done.decision.action == "run"
    run_id = workshop.work_dir.run_ids()[0]
    assert f"span 3 with 50 rows is new since run {run_id}" in done.decision.sentence


def test_the_bound_frees_a_run_after_24_hours(workshop):
    workshop.settings = {"max_runs_per_day": 1}
    workshop.retrain()
    workshop.add_span(3)
    workshop.wait(hours=23, minutes=59)
    assert workshop.retrain().decision.holds[0].kind == "max_runs"
    workshop.wait(minutes=1)
    assert workshop.retrain().decision.action == "run"


def test_a_rehearsal_writes_nothing(workshop):
    before = sorted(workshop.folder.rglob("*"))
    assert rehearse(workshop.request()).action == "run"
    assert sorted(workshop.folder.rglob("*")) == before


def test_other_settings_are_other_code(workshop):
    workshop.retrain()
    held = workshop.retrain(asked="again")
    assert [hold.kind for hold in held.decision.holds] == ["nothing_changed"]
    workshop.settings = {"warm_start": True}
    assert workshop.retrain(asked="again").decision.action == "run"


def test_a_run_that_is_going_on_holds_another_back(workshop):
    record = RunRecord(
        run_id="20260101-000000-000000",
        pipeline="flights",
        config_path="",
        settings={},
        started_at=NOW.isoformat(),
        pid=os.getpid(),
    )
    workshop.work_dir.write(record)
    (hold,) = workshop.retrain().decision.holds
    assert hold.sentence == "run 20260101-000000-000000 is going on"


def test_another_slipway_that_is_about_to_train_holds_this_one_back(workshop):
    workshop.retrain()
    workshop.add_span(3)
    with (workshop.ledger.folder / ".training").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        (hold,) = workshop.retrain().decision.holds
    assert (hold.kind, "another slipway" in hold.sentence) == ("going_on", True)
    assert workshop.retrain().decision.action == "run"


KILLED_ROUND = """
import os, sys
from pathlib import Path
from tests.pipeline.retraining.conftest import Workshop
workshop = Workshop(Path(sys.argv[1]))
def run(config_path, overrides, listener):
    workshop.states = ["running"]
    record = workshop.run(config_path, overrides, listener)
    record.pid = os.getpid()
    workshop.work_dir.write(record)
    os.kill(os.getpid(), 9)
workshop.run_killed = run
from pipeline.retraining.retrain import retrain
from pipeline.watch_command import QuietListener
retrain(workshop.request(), QuietListener(), run)
"""


def test_a_killed_run_is_seen_named_and_counted(workshop):
    workshop.settings = {"max_runs_per_day": 1}
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_ROUND, str(workshop.folder)], check=False
    )
    assert killed.returncode == -9
    assert "The run is going on, or its process was killed." in words(workshop)
    held = workshop.retrain()
    assert [hold.kind for hold in held.decision.holds] == ["max_runs"]
    end = workshop.entries()[1]
    assert isinstance(end, EndEntry)
    assert (end.state, end.decision_seq) == ("killed", 1)
    assert [end.run_id] == workshop.work_dir.run_ids()


def test_a_run_that_raises_ends_in_the_ledger_too(workshop):
    def run(*_):
        raise OSError("No space left on device")

    from pipeline.retraining.retrain import retrain
    from pipeline.watch_command import QuietListener

    with pytest.raises(OSError, match="No space"):
        retrain(workshop.request(), QuietListener(), run)
    end = workshop.entries()[-1]
    assert (end.state, end.reason, end.run_id) == (
        "failed",
        "No space left on device",
        "",
    )


def test_a_repeated_decision_is_left_out_where_that_was_asked_for(workshop):
    workshop.retrain()
    first = workshop.retrain(skip_repeated=True)
    second = workshop.retrain(skip_repeated=True)
    assert (first.seq, second.seq) == (3, None)
    workshop.add_span(3, rows=9)
    assert workshop.retrain(skip_repeated=True).seq == 4


def test_an_edited_line_is_told(workshop):
    workshop.retrain()
    path = workshop.ledger.folder / "ledger.jsonl"
    path.write_text(path.read_text().replace("slipway retrain", "slipway RETRAIN"))
    assert "line 1 of ledger.jsonl: it was changed" in words(workshop)


def test_the_ledger_tells_the_newest_first_in_plain_words(workshop):
    run_id = workshop.retrain().record.run_id
    workshop.wait(hours=1)
    workshop.retrain()
    text = words(workshop)
    newest, older = text.split("2026-03-10 12:00 UTC  trained")
    assert newest.startswith("2026-03-10 13:00 UTC  no  (line 3, slipway retrain)")
    assert f"no span is new since run {run_id}" in newest
    assert f"Then run {run_id}: pushed, pushed as version 1." in older
    assert "data: span 1 to 2, 100 rows, digest " in older
    assert "0 of 4 starts in 24 hours" in older
    assert "earlier decisions" in words(workshop, last=1)


def test_a_ledger_line_holds_policy_and_digests(workshop):
    workshop.retrain()
    first = (workshop.ledger.folder / "ledger.jsonl").read_text().splitlines()[0]
    document = json.loads(first)
    assert document["format_version"] == 1
    assert document["policy"]["max_runs_per_day"] == 4
    assert len(document["evidence"]["data_digest"]) == 64
    assert len(document["evidence"]["code_digest"]) == 64
    assert document["overrides"]["data.spans"] == {"newest": 2, "last": 2}


def test_a_newer_ledger_is_refused(workshop):
    workshop.retrain()
    path = workshop.ledger.folder / "ledger.jsonl"
    path.write_text(
        path.read_text().replace('"format_version": 1', '"format_version": 9')
    )
    with pytest.raises(ValueError, match=r"format_version 9; .* Upgrade slipway"):
        workshop.retrain()


def test_a_decided_run_began_by_the_decisions_clock(workshop):
    workshop.settings = {"new_spans": None, "schedule": "0 6 * * *"}
    assert workshop.retrain().decision.action == "run"
    workshop.add_span(3)
    assert workshop.retrain().decision.action == "no"
    workshop.now = NOW.replace(hour=6) + timedelta(days=1)
    assert workshop.retrain().decision.action == "run"

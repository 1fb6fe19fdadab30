"""A rollout from its start to its end, and whatever is killed on the way."""

import shutil
from datetime import timedelta

import numpy as np
import pytest

from serving.bundle.errors import BundleRefusedError
from serving.rollout import control
from serving.rollout.errors import RolloutError
from serving.rollout.event_log import EVENTS, read_events
from serving.rollout.plan import Step
from serving.rollout.state_file import ROLLOUT, read_state, write_state
from serving.versions.change_lock import changing
from serving.versions.ledger import read_ledger
from serving.versions.model_folder import held_versions, served_version
from tests.serving.rollout.killed_look import is_killed
from tests.serving.rollout.paper_rollout import (
    DELAY_S,
    NOON,
    accept,
    arm_counts,
    paper_metric,
    paper_plan,
    paper_state,
    traffic,
    write_counts,
    write_labels,
    write_log,
)
from tests.serving.versions.paper_versions import hold, promote_to, push

LATER = timedelta(seconds=DELAY_S + 600)


@pytest.fixture
def model_dir(tmp_path):
    """Version 1 is served, version 2 held back."""
    folder = tmp_path / "models" / "rides"
    push(folder)
    push(folder)
    hold(folder, 2)
    return folder


@pytest.fixture
def state_dir(tmp_path, model_dir):
    """A rollout of version 2, which is better; a look LATER decides so."""
    log = tmp_path / "log"
    plan = paper_plan(metric=paper_metric(), log_dir=str(log), model_dir=str(model_dir))
    folder = tmp_path / "state"
    control.start(folder, paper_state(plan, version=2))
    keys = [f"k{number}" for number in range(1200)]
    frame = traffic(np.random.default_rng(2), keys, 0.5, (0.4, 0.1))
    write_log(log, frame)
    write_labels(log, frame)
    write_counts(folder, arm_counts(600, 1), arm_counts(600, 1))
    return folder


def look(state_dir, later=LATER, verify=accept):
    return control.look(state_dir, NOON + later, verify=verify)


def events(state_dir):
    found = read_events(state_dir)
    assert not found.problems
    return [entry.event for entry in found.entries]


def test_a_better_version_is_promoted_with_its_numbers(state_dir, model_dir):
    assert not look(state_dir, timedelta(seconds=60)).events
    found = look(state_dir)
    assert [event.name for event in found.events] == ["decided", "promoted"]
    assert found.state.is_over
    assert found.state.stable.share == 1.0
    assert (served_version(model_dir), held_versions(model_dir)) == (2, [])
    entry = read_events(state_dir).entries[1]
    assert entry.numbers["metric"]["verdict"] == "better"
    assert entry.numbers["metric"]["high"] < 0
    assert entry.reason in read_ledger(model_dir).last.reason
    assert read_state(state_dir) == found.state


def test_a_look_after_the_end_changes_nothing(state_dir):
    look(state_dir)
    before = (state_dir / EVENTS).read_bytes()
    assert not look(state_dir, LATER * 2).events
    assert (state_dir / EVENTS).read_bytes() == before


def test_a_version_that_fails_its_checks_is_rolled_back(state_dir, model_dir):
    def refuse(_bundle):
        raise BundleRefusedError("files", "one was changed")

    found = look(state_dir, verify=refuse)
    assert [event.name for event in found.events] == ["decided", "refused"]
    assert found.state.decision.verdict == "rollback"
    assert "files: one was changed" in found.state.decision.reason
    assert served_version(model_dir) == 1


def test_whoever_is_killed_at_any_step_the_next_look_completes_it_once(
    state_dir, model_dir, tmp_path
):
    root = tmp_path / "root"
    root.mkdir()
    kept = {}
    for folder in (state_dir, model_dir.parent, tmp_path / "log"):
        kept[folder] = shutil.copytree(folder, root / folder.name)
    step = 1
    while True:
        for folder, copy in kept.items():
            shutil.rmtree(folder)
            shutil.copytree(copy, folder)
        if not is_killed(state_dir, step, LATER):
            break
        look(state_dir)
        assert events(state_dir) == ["started", "decided", "promoted"]
        # A ledger's line is an intent: a second one says that nothing had moved.
        moves = [entry for entry in read_ledger(model_dir).entries if entry.seq > 2]
        assert {(entry.from_version, entry.to_version) for entry in moves} == {(1, 2)}
        assert (served_version(model_dir), held_versions(model_dir)) == (2, [])
        numbers = read_events(state_dir).entries[1].numbers
        assert sum(numbers["metric"]["labelled"].values()) == 1200
        step += 1
    assert step > 12


def test_routers_never_follow_what_the_events_do_not_know(state_dir, monkeypatch):
    followed = []

    def watched(folder, state):
        assert read_events(folder).entries[-1].state == state
        followed.append(state.serial)
        write_state(folder, state)

    monkeypatch.setattr(control, "write_state", watched)
    look(state_dir)
    assert followed == [2, 3]


def test_a_decision_that_only_the_events_know_is_put_in_place(state_dir):
    before = read_state(state_dir)
    after = look(state_dir).state
    write_state(state_dir, before)
    assert look(state_dir, LATER * 2).state == after
    assert read_state(state_dir) == after


def test_what_somebody_serves_since_the_promotion_stands(state_dir, model_dir):
    look(state_dir)
    # The promotion was made, but its event was lost with the process.
    lines = (state_dir / EVENTS).read_bytes().splitlines(keepends=True)
    (state_dir / EVENTS).write_bytes(b"".join(lines[:-1]))
    write_state(state_dir, read_events(state_dir).entries[-1].state)
    promote_to(model_dir, 1)
    [event] = look(state_dir).events
    assert "ada@host changed what is served since, which stands" in event.reason
    assert served_version(model_dir) == 1


def test_a_broken_guard_rail_gives_all_requests_back(state_dir, model_dir):
    write_counts(state_dir, arm_counts(600, 0), arm_counts(600, 60))
    [event] = look(state_dir, timedelta(seconds=60)).events
    assert event.numbers["cause"] == "errors"
    assert "60 of 600 (10.000%) of the candidate's requests failed" in event.reason
    assert read_state(state_dir).stable.share == 1.0
    assert served_version(model_dir) == 1


def test_a_log_that_cannot_be_read_does_not_blind_the_guard_rails(state_dir, tmp_path):
    [file] = tmp_path.glob("log/rides/date=*/hour=*/*.parquet")
    file.write_bytes(b"no Parquet")
    found = look(state_dir)
    assert "cannot be read" in found.problem
    assert found.state.is_running
    write_counts(state_dir, arm_counts(1200, 1), arm_counts(1200, 60))
    assert look(state_dir).state.decision.cause == "errors"


def test_a_ramp_moves_step_by_step_and_ends_with_the_candidate(tmp_path):
    steps = (Step(share=0.1, min_requests=100), Step(share=0.5, min_requests=100))
    control.start(tmp_path, paper_state(paper_plan(steps=steps)))
    shares = []
    for number, requests in enumerate((50, 100, 199, 200)):
        write_counts(tmp_path, arm_counts(1000), arm_counts(requests))
        shares.append(look(tmp_path, timedelta(seconds=number)).state.candidate.share)
    assert shares == [0.1, 0.5, 0.5, 1.0]
    assert events(tmp_path) == ["started", "step", "decided"]


def test_a_stop_gives_all_requests_back_and_says_why(state_dir):
    stopped = control.stop(state_dir, NOON, reason="complaints", who="ada@host")
    assert (stopped.stable.share, stopped.decision.verdict) == (1.0, "stopped")
    last = read_events(state_dir).entries[-1]
    assert (last.event, last.who, last.reason) == ("stopped", "ada@host", "complaints")
    with pytest.raises(RolloutError, match="has ended: stopped"):
        control.stop(state_dir, NOON, reason="again")


def test_one_rollout_at_a_time(state_dir):
    other = paper_state(rollout="r2")
    with pytest.raises(RolloutError, match="rollout r1 is going on"):
        control.start(state_dir, other)
    control.stop(state_dir, NOON, reason="enough")
    with pytest.raises(RolloutError, match="knows a rollout 'r1' already"):
        control.start(state_dir, paper_state())
    control.start(state_dir, other)
    assert read_state(state_dir).id == "r2"
    assert control.peek(state_dir).evidence.num_requests == (0, 0)


def test_a_look_where_none_was_started_says_how_to(tmp_path):
    with pytest.raises(RolloutError, match="slipway rollout start"):
        look(tmp_path)
    with pytest.raises(RolloutError, match="slipway rollout start"):
        control.peek(tmp_path)


def test_a_peek_counts_and_changes_nothing(state_dir):
    before = {path.name: path.read_bytes() for path in state_dir.glob("*.json*")}
    assert control.peek(state_dir).evidence.num_requests == (600, 600)
    after = {path.name: path.read_bytes() for path in state_dir.glob("*.json*")}
    assert after == before


def test_a_rollout_without_its_events_is_not_gone_on_with(state_dir):
    (state_dir / EVENTS).unlink()
    with pytest.raises(RolloutError, match="no events of it"):
        look(state_dir)


def test_edited_events_are_not_followed(state_dir):
    look(state_dir)
    text = (state_dir / EVENTS).read_text()
    (state_dir / EVENTS).write_text(text.replace("promoted", "PROMOTED"))
    with pytest.raises(RolloutError, match="changed after it was written"):
        look(state_dir)


def test_a_state_that_was_edited_by_hand_is_put_right(state_dir):
    state = read_state(state_dir)
    write_state(state_dir, state.with_share(0.9))
    assert look(state_dir, timedelta(seconds=1)).state.candidate.share == 0.5
    assert (state_dir / ROLLOUT).read_bytes()


def test_two_who_look_wait_for_each_other(state_dir):
    with changing(state_dir):
        assert is_killed_after(state_dir)


def is_killed_after(state_dir):
    """Whether a look is still waiting for the lock after a moment."""
    from tests.serving.rollout.killed_look import PROCESSES, _look

    process = PROCESSES.Process(target=_look, args=(state_dir, 0, LATER))
    process.start()
    process.join(1.5)
    is_waiting = process.is_alive()
    process.kill()
    process.join(60)
    return is_waiting and events(state_dir) == ["started"]

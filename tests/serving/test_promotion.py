"""At any moment the old version is served or the new one, and nothing is lost."""

import multiprocessing
import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving import change_lock
from serving.bundle.errors import BundleRefusedError
from serving.change_lock import changing, is_changing
from serving.ledger import LEDGER, Author, read_ledger
from serving.model_versions import (
    HELD,
    all_versions,
    held_versions,
    list_versions,
    next_version,
    served_version,
    version_path,
)
from serving.promotion import promote, record_push, rollback
from serving.version_errors import VersionsError
from tests.serving.paper_bundle import write_paper_bundle

ADA = Author(who="ada@host", reason="because")
FORK = multiprocessing.get_context("fork")


def accept(_bundle):
    """Stands in for the verifier: the paper bundles hold no model."""


def refuse(_bundle):
    raise BundleRefusedError("files", "it is damaged.")


def push(model_dir, version=None):
    version = version or next_version(model_dir)
    staged = model_dir / f".pushing-{version}"
    write_paper_bundle(staged, version)
    return record_push(model_dir, staged, version, author=ADA)


def promote_to(model_dir, version, author=ADA):
    return promote(model_dir, version, author=author, verify=accept)


def rollback_to(model_dir, version=None, author=ADA):
    return rollback(model_dir, version, author=author, verify=accept)


@pytest.fixture
def model_dir(tmp_path):
    """Versions 1 to 4, pushed one after the other."""
    folder = tmp_path / "models" / "rides"
    for _ in range(4):
        push(folder)
    return folder


def contents(model_dir):
    """Every version's files, wherever the version is."""
    return {
        version: {
            str(path.relative_to(version_path(model_dir, version))): path.read_bytes()
            for path in version_path(model_dir, version).rglob("*")
            if path.is_file()
        }
        for version in all_versions(model_dir)
    }


def state(model_dir):
    return (
        list_versions(model_dir),
        held_versions(model_dir),
        (model_dir / LEDGER).read_bytes(),
    )


def hold(model_dir, version):
    """Keeps a version back by hand."""
    (model_dir / HELD).mkdir(exist_ok=True)
    (model_dir / str(version)).rename(model_dir / HELD / str(version))


# Which versions there are


def test_folders_that_tf_serving_does_not_take_for_versions_do_not_count(tmp_path):
    for name in ("3", "003x", ".pushing-4-ab", "notes", "-5", "٣", "9" * 19):
        (tmp_path / name).mkdir()
    (tmp_path / "9").touch()
    (tmp_path / HELD / "12").mkdir(parents=True)
    assert list_versions(tmp_path) == [3]
    assert held_versions(tmp_path) == [12]
    assert all_versions(tmp_path) == [3, 12]
    assert next_version(tmp_path) == 13


@pytest.mark.parametrize("name", ["007", "0", "00"])
def test_padded_number_is_refused_for_tf_serving_would_serve_it(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(VersionsError, match=rf"'{name}', which TF Serving takes for"):
        list_versions(tmp_path)


def test_model_that_was_never_pushed_has_no_versions(tmp_path):
    absent = tmp_path / "absent"
    assert list_versions(absent) == all_versions(absent) == []
    assert served_version(absent) is None
    assert next_version(absent) == 1
    assert not is_changing(absent)


def test_number_of_a_deleted_version_is_not_given_again(model_dir):
    shutil.rmtree(model_dir / "4")
    assert next_version(model_dir) == 5


# What is asked for happens


def test_push_is_recorded_and_served(model_dir):
    last = read_ledger(model_dir).last
    assert (last.action, last.from_version, last.to_version) == ("push", 3, 4)
    assert served_version(model_dir) == 4
    assert not (model_dir / ".pushing-4").exists()


def test_rollback_without_target_serves_the_version_before(model_dir):
    done = rollback_to(model_dir)
    assert (done.from_version, done.to_version, done.held) == (4, 3, (4,))
    assert (list_versions(model_dir), held_versions(model_dir)) == ([1, 2, 3], [4])
    assert read_ledger(model_dir).last.reason == "because"


def test_rollback_past_versions_holds_them_all_and_the_next_does_not_go_up(model_dir):
    assert rollback_to(model_dir, 2).held == (3, 4)
    assert rollback_to(model_dir).to_version == 1
    with pytest.raises(VersionsError, match=r"no version that was served before 1 .*"):
        rollback_to(model_dir)


def test_rollback_after_a_promotion_goes_back_to_what_was_served_then(model_dir):
    promote_to(model_dir, 2)
    assert rollback_to(model_dir).to_version == 4
    assert (list_versions(model_dir), held_versions(model_dir)) == ([1, 2, 4], [3])


def test_rollback_leaves_out_a_version_that_is_gone(model_dir):
    shutil.rmtree(model_dir / "3")
    assert rollback_to(model_dir).to_version == 2


def test_push_after_a_rollback_is_above_the_held_version(model_dir):
    rollback_to(model_dir)
    assert push(model_dir).to_version == 5
    assert served_version(model_dir) == 5
    assert rollback_to(model_dir).to_version == 3


def test_held_version_is_promoted_by_one_rename(model_dir):
    rollback_to(model_dir)
    assert promote_to(model_dir, 4).held == ()
    assert (list_versions(model_dir), held_versions(model_dir)) == ([1, 2, 3, 4], [])


def test_older_held_version_is_promoted_and_newer_ones_are_held(model_dir):
    hold(model_dir, 2)
    assert promote_to(model_dir, 2).held == (3, 4)
    assert (list_versions(model_dir), held_versions(model_dir)) == ([1, 2], [3, 4])


def test_first_version_can_be_promoted_from_held(tmp_path):
    write_paper_bundle(tmp_path / HELD / "6", 6)
    done = promote_to(tmp_path, 6)
    assert (done.from_version, served_version(tmp_path)) == (None, 6)


@pytest.mark.parametrize("ask", [promote_to, rollback_to])
def test_version_that_is_served_already_is_no_change(model_dir, ask):
    before = state(model_dir)
    assert ask(model_dir, 4).entry is None
    assert state(model_dir) == before


# What must not happen does not


@pytest.mark.parametrize("ask", [promote_to, rollback_to])
def test_unknown_version_is_refused_with_those_that_there_are(model_dir, ask):
    hold(model_dir, 4)
    with pytest.raises(
        VersionsError, match=r"no version 9 in .*: 1, 2 and 3 visible, 4 held\."
    ) as caught:
        ask(model_dir, 9)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("reason", ["", "  "])
def test_rollback_without_a_reason_is_refused(model_dir, reason):
    with pytest.raises(VersionsError, match="a rollback needs a reason"):
        rollback_to(model_dir, 1, author=Author(who="ada", reason=reason))


@pytest.mark.parametrize("ask", [promote, rollback])
def test_refused_bundle_changes_nothing(model_dir, ask):
    before = state(model_dir)
    with pytest.raises(BundleRefusedError, match="damaged"):
        ask(model_dir, 2, author=ADA, verify=refuse)
    assert state(model_dir) == before


@pytest.mark.parametrize("ask", [promote, rollback])
def test_one_flipped_byte_of_a_real_bundle_is_refused(tiny_bundle, ask):
    model_dir = tiny_bundle.parent
    write_paper_bundle(model_dir / "2", 2)
    path = tiny_bundle / "variables" / "variables.data-00000-of-00001"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)

    with pytest.raises(BundleRefusedError, match=r"variables\.data") as caught:
        ask(model_dir, 1, author=ADA)

    assert caught.value.exit_code == 5
    assert list_versions(model_dir) == [1, 2]
    assert held_versions(model_dir) == []
    assert not (model_dir / LEDGER).exists()


def test_whole_real_bundle_is_rolled_back_to(tiny_bundle):
    write_paper_bundle(tiny_bundle.parent / "2", 2)
    assert rollback(tiny_bundle.parent, 1, author=ADA).held == (2,)
    assert served_version(tiny_bundle.parent) == 1


def test_folder_that_holds_another_version_is_refused(model_dir):
    hold(model_dir, 4)
    (model_dir / HELD / "4").rename(model_dir / HELD / "6")
    with pytest.raises(BundleRefusedError, match="is version 4 by its contract, not 6"):
        promote_to(model_dir, 6)


def test_version_that_was_replaced_since_its_push_is_refused(model_dir):
    shutil.rmtree(model_dir / "2")
    write_paper_bundle(model_dir / "2", 2, spans=(1, 2))
    with pytest.raises(BundleRefusedError, match="somebody replaced it"):
        rollback_to(model_dir, 2)
    assert served_version(model_dir) == 4


def test_version_that_is_there_twice_is_refused_before_anything_moves(model_dir):
    write_paper_bundle(model_dir / HELD / "4", 4)
    before = state(model_dir)
    with pytest.raises(VersionsError, match="version 4 is there twice"):
        rollback_to(model_dir, 2)
    assert state(model_dir) == before


def test_push_of_a_number_that_was_given_meanwhile_is_refused(model_dir):
    staged = model_dir / ".pushing-5-late"
    write_paper_bundle(staged, 5)
    push(model_dir, 5)
    with pytest.raises(VersionsError, match="version 5 was given to another push"):
        record_push(model_dir, staged, 5, author=ADA)
    assert staged.is_dir()


def test_folder_that_may_not_be_written_is_named(model_dir, monkeypatch):
    def denied(*_arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(change_lock.os, "open", denied)
    with pytest.raises(VersionsError, match=r"\.lock cannot be opened: Permission"):
        promote_to(model_dir, 1)


# Every step of it


class Steps:
    """Counts the calls that change the disk; does something before one of them."""

    def __init__(self, monkeypatch, at=0, act=None, after_each=None):
        self.number = 0
        for name in ("rename", "write", "truncate", "fsync", "mkdir"):
            real = getattr(os, name)
            monkeypatch.setattr(os, name, self.counting(real, at, act, after_each))

    def counting(self, real, at, act, after_each):
        def call(*arguments, **keywords):
            self.number += 1
            if self.number == at:
                act()
            result = real(*arguments, **keywords)
            if after_each:
                after_each()
            return result

        return call


CHANGES = {
    "rollback past two": (lambda _: None, lambda d: rollback_to(d, 1), 1),
    "rollback by one": (lambda _: None, rollback_to, 3),
    "promote a held newer one": (
        lambda d: rollback_to(d, 2),
        lambda d: promote_to(d, 4),
        4,
    ),
    "promote a held older one": (
        lambda d: hold(d, 2),
        lambda d: promote_to(d, 2),
        2,
    ),
}


@pytest.fixture(params=CHANGES)
def prepared(request, model_dir):
    prepare, ask, target = CHANGES[request.param]
    prepare(model_dir)
    return model_dir, ask, target


def test_after_every_step_the_old_or_the_new_version_is_served(prepared, monkeypatch):
    model_dir, ask, target = prepared
    seen = [served_version(model_dir)]
    Steps(monkeypatch, after_each=lambda: seen.append(served_version(model_dir)))
    ask(model_dir)
    old, place = seen[0], seen.index(target)
    assert set(seen[:place]) == {old}
    assert set(seen[place:]) == {target}


def test_the_ledger_has_the_change_before_anything_moves(prepared, monkeypatch):
    model_dir, ask, target = prepared
    rename = os.rename
    recorded = []

    def watched(*arguments):
        recorded.append(read_ledger(model_dir).last.to_version)
        rename(*arguments)

    monkeypatch.setattr(os, "rename", watched)
    ask(model_dir)
    assert recorded
    assert set(recorded) == {target}


def killed_at(model_dir, ask, step):
    """Runs a change in a process that kills itself before a step; None: it ended."""

    def run():
        kill = Steps(
            pytest.MonkeyPatch(), step, lambda: os.kill(os.getpid(), signal.SIGKILL)
        )
        ask(model_dir)
        os._exit(0 if kill.number < step else 1)

    process = FORK.Process(target=run)
    process.start()
    process.join(30)
    return process.exitcode


def test_change_killed_at_any_step_is_whole_or_can_be_completed(prepared):
    model_dir, ask, target = prepared
    start = model_dir.parent / "start"
    model_dir.rename(start)
    old, before = served_version(start), contents(start)
    num_steps = 0
    while True:
        shutil.copytree(start, model_dir)
        exit_code = killed_at(model_dir, ask, num_steps + 1)
        if exit_code == 0:
            break
        assert exit_code == -signal.SIGKILL
        num_steps += 1
        assert served_version(model_dir) in (old, target)
        assert contents(model_dir) == before

        promote_to(model_dir, target)

        ledger = read_ledger(model_dir)
        assert served_version(model_dir) == ledger.last.to_version == target
        assert (ledger.problems, ledger.torn) == ((), b"")
        assert contents(model_dir) == before
        shutil.rmtree(model_dir)
    assert num_steps >= 4


def test_push_killed_at_any_step_burns_its_number_at_most(model_dir):
    start = model_dir.parent / "start"
    model_dir.rename(start)
    write_paper_bundle(start / ".pushing-5", 5)
    num_steps = 0
    while True:
        shutil.copytree(start, model_dir)
        exit_code = killed_at(
            model_dir,
            lambda d: record_push(d, d / ".pushing-5", 5, author=ADA),
            num_steps + 1,
        )
        if exit_code == 0:
            break
        num_steps += 1
        served = served_version(model_dir)
        assert served in (4, 5)
        entry = push(model_dir)
        assert entry.to_version in (5, 6)
        assert entry.from_version == served
        assert rollback_to(model_dir).to_version == served
        shutil.rmtree(model_dir)
    assert num_steps >= 3


def test_change_that_was_cut_short_can_be_taken_back(model_dir, monkeypatch):
    def full(*_arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", full)
        with pytest.raises(VersionsError, match="No space left on device. The ledger"):
            rollback_to(model_dir, 2)
    assert read_ledger(model_dir).last.to_version == 2
    assert served_version(model_dir) == 4

    done = promote_to(model_dir, 4)

    assert (done.from_version, done.to_version) == (4, 4)
    assert done.entry is not None
    assert rollback_to(model_dir).to_version == 3


# Several at once


def test_two_changes_at_once_happen_one_after_the_other(model_dir):
    barrier = FORK.Barrier(4)

    def ask(number):
        barrier.wait(30)
        for turn in range(5):
            promote_to(model_dir, (number + turn) % 4 + 1)

    processes = [FORK.Process(target=ask, args=(number,)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 4
    ledger = read_ledger(model_dir)
    assert (ledger.problems, ledger.torn) == ((), b"")
    assert served_version(model_dir) == ledger.last.to_version
    assert all_versions(model_dir) == [1, 2, 3, 4]
    # Each line begins where the one before it ended.
    ends = [entry.to_version for entry in ledger.entries]
    assert [entry.from_version for entry in ledger.entries[1:]] == ends[:-1]


def test_change_waits_for_another_and_gives_up_in_the_end(model_dir):
    with changing(model_dir):
        assert is_changing(model_dir)
        with (
            pytest.raises(VersionsError, match=r"held by another change .* fuser"),
            changing(model_dir, timeout_s=0.1),
        ):
            pass
    assert not is_changing(model_dir)


# Any sequence


STEP = st.one_of(
    st.just(("push", None)),
    st.tuples(st.sampled_from(["promote", "rollback"]), st.integers(1, 6)),
    st.just(("rollback", None)),
)


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(STEP, max_size=12))
def test_any_sequence_keeps_ledger_folder_and_contents_together(steps):
    with tempfile.TemporaryDirectory() as folder:
        model_dir = Path(folder) / "rides"
        known = {}
        for action, version in steps:
            try:
                if action == "push":
                    push(model_dir)
                elif action == "promote":
                    promote_to(model_dir, version)
                else:
                    rollback_to(model_dir, version)
            except VersionsError:
                pass
            found = contents(model_dir)
            assert {**found, **known} == found
            known = found
            last = read_ledger(model_dir).last
            assert served_version(model_dir) == (last.to_version if last else None)
        assert read_ledger(model_dir).problems == ()

"""At any moment the old version is served or the new one, and nothing is lost."""

import os
import shutil

import pytest

from serving.versions.change_lock import changing, is_changing
from serving.versions.errors import VersionsError
from serving.versions.ledger import read_ledger
from serving.versions.model_folder import all_versions, served_version
from tests.serving.versions.killed_change import (
    CHANGES,
    PROCESSES,
    Steps,
    is_killed,
    promote_in_turn,
)
from tests.serving.versions.paper_bundle import write_paper_bundle
from tests.serving.versions.paper_versions import (
    contents,
    promote_to,
    push,
    push_four,
    rollback_to,
)


@pytest.fixture
def model_dir(tmp_path):
    return push_four(tmp_path / "models" / "rides")


@pytest.fixture(params=CHANGES)
def prepared(request, model_dir):
    prepare, ask, target = CHANGES[request.param]
    prepare(model_dir)
    if request.param == "push":
        write_paper_bundle(model_dir / ".pushing-5", 5)
    return model_dir, ask, target


def test_after_every_step_the_old_or_the_new_version_is_served(prepared, monkeypatch):
    model_dir, ask, target = prepared
    seen = [served_version(model_dir)]
    Steps(
        monkeypatch.setattr,
        after_each=lambda: seen.append(served_version(model_dir)),
    )
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


def killed_at_each_step(model_dir, change):
    """Yields after each kill, the folder as it was found; ends with a whole change."""
    start = model_dir.parent / "start"
    model_dir.rename(start)
    step = 1
    while True:
        shutil.copytree(start, model_dir)
        if not is_killed(model_dir, change, step):
            break
        yield
        shutil.rmtree(model_dir)
        step += 1
    assert step > 4


@pytest.mark.parametrize("change", [name for name in CHANGES if name != "push"])
def test_change_killed_at_any_step_is_whole_or_can_be_completed(model_dir, change):
    prepare, _, target = CHANGES[change]
    prepare(model_dir)
    old, before = served_version(model_dir), contents(model_dir)
    for _ in killed_at_each_step(model_dir, change):
        assert served_version(model_dir) in (old, target)
        assert contents(model_dir) == before

        promote_to(model_dir, target)

        ledger = read_ledger(model_dir)
        assert served_version(model_dir) == ledger.last.to_version == target
        assert (ledger.problems, ledger.torn) == ((), b"")
        assert contents(model_dir) == before


def test_push_killed_at_any_step_burns_its_number_at_most(model_dir):
    write_paper_bundle(model_dir / ".pushing-5", 5)
    for _ in killed_at_each_step(model_dir, "push"):
        shutil.rmtree(model_dir / ".pushing-5", ignore_errors=True)
        served = served_version(model_dir)
        assert served in (4, 5)
        entry = push(model_dir)
        assert entry.to_version in (5, 6)
        assert entry.from_version == served
        assert rollback_to(model_dir).to_version == served


def test_change_that_was_cut_short_can_be_taken_back(model_dir, monkeypatch):
    def full(*_arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", full)
        with pytest.raises(VersionsError, match=r"left on device\. The ledger"):
            rollback_to(model_dir, 2)
    assert read_ledger(model_dir).last.to_version == 2
    assert served_version(model_dir) == 4

    done = promote_to(model_dir, 4)

    assert (done.from_version, done.to_version) == (4, 4)
    assert done.entry is not None
    assert rollback_to(model_dir).to_version == 3


# Several at once


def test_two_changes_at_once_happen_one_after_the_other(model_dir):
    barrier = PROCESSES.Barrier(4)
    processes = [
        PROCESSES.Process(target=promote_in_turn, args=(model_dir, barrier, number))
        for number in range(4)
    ]
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

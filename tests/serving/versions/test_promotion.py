"""A change does what was asked for, or nothing at all."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.bundle.errors import BundleRefusedError
from serving.versions import change_lock
from serving.versions.errors import VersionsError
from serving.versions.ledger import LEDGER, Author, read_ledger
from serving.versions.model_folder import (
    HELD,
    held_versions,
    list_versions,
    served_version,
)
from serving.versions.promotion import promote, record_push, rollback
from tests.serving.versions.paper_bundle import write_paper_bundle
from tests.serving.versions.paper_versions import (
    ADA,
    contents,
    hold,
    promote_to,
    push,
    push_four,
    rollback_to,
    state,
)


def refuse(_bundle):
    raise BundleRefusedError("files", "it is damaged.")


@pytest.fixture
def model_dir(tmp_path):
    return push_four(tmp_path / "models" / "rides")


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

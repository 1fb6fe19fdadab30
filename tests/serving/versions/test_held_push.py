"""A candidate is pushed without being served, and waits for a promotion."""

import json
import shutil

import pytest

from serving.versions.ledger import LEDGER, read_ledger
from serving.versions.model_folder import held_versions, next_version, served_version
from serving.versions.promotion import record_push
from serving.versions.report import report_versions
from serving.versions.served_history import served_before
from tests.serving.versions.killed_change import Steps
from tests.serving.versions.paper_bundle import write_paper_bundle
from tests.serving.versions.paper_versions import (
    ADA,
    promote_to,
    push,
    push_four,
    rollback_to,
)


def push_held(model_dir):
    version = next_version(model_dir)
    staged = model_dir / f".pushing-{version}"
    write_paper_bundle(staged, version)
    return record_push(model_dir, staged, version, author=ADA, is_held=True)


@pytest.fixture
def model_dir(tmp_path):
    return push_four(tmp_path / "models" / "rides")


def test_a_candidate_lies_in_held_and_what_is_served_stays(model_dir):
    push_held(model_dir)
    assert (served_version(model_dir), held_versions(model_dir)) == (4, [5])
    assert next_version(model_dir) == 6
    assert not (model_dir / ".pushing-5").exists()


def test_its_line_says_hold_in_the_format_that_knows_it(model_dir):
    push_held(model_dir)
    lines = (model_dir / LEDGER).read_text().splitlines()
    assert [json.loads(line)["format_version"] for line in lines] == [1, 1, 1, 1, 2]
    last = read_ledger(model_dir).last
    assert (last.action, last.from_version, last.to_version) == ("hold", 4, 5)
    assert read_ledger(model_dir).problems == ()


def test_the_first_version_of_all_may_be_a_candidate(tmp_path):
    push_held(tmp_path / "rides")
    assert (served_version(tmp_path / "rides"), next_version(tmp_path / "rides")) == (
        None,
        2,
    )


def test_a_promotion_serves_it_and_a_rollback_goes_back(model_dir):
    push_held(model_dir)
    done = promote_to(model_dir, 5)
    assert (done.from_version, done.to_version, done.held) == (4, 5, ())
    assert (rollback_to(model_dir).to_version, held_versions(model_dir)) == (4, [5])


def test_a_replaced_candidate_is_not_promoted(model_dir):
    push_held(model_dir)
    shutil.rmtree(model_dir / "held" / "5")
    write_paper_bundle(model_dir / "held" / "5", 5, run_id="another")
    with pytest.raises(RuntimeError, match=r"was pushed as .* somebody replaced it"):
        promote_to(model_dir, 5)


def test_the_newer_of_two_candidates_stays_held_when_the_older_is_served(model_dir):
    push_held(model_dir)
    push_held(model_dir)
    promote_to(model_dir, 5)
    assert (served_version(model_dir), held_versions(model_dir)) == (5, [6])
    push(model_dir)
    assert (served_version(model_dir), held_versions(model_dir)) == (7, [6])


def test_a_candidate_was_never_served(model_dir):
    push_held(model_dir)
    assert served_before(read_ledger(model_dir).entries, 4) == [3, 2, 1]
    assert rollback_to(model_dir).to_version == 3


def test_the_served_version_is_not_promoted_once_more(model_dir):
    push_held(model_dir)
    assert promote_to(model_dir, 4).entry is None


def test_the_report_sees_nothing_cut_short(model_dir):
    push_held(model_dir)
    report = report_versions(model_dir)
    assert report.notes == ()
    places = {facts.version: facts.place for facts in report.versions}
    assert (places[4], places[5]) == ("served", "held")
    actions = {facts.version: facts.last_entry.action for facts in report.versions}
    assert (actions[4], actions[5]) == ("push", "hold")


def test_after_every_step_of_a_held_push_the_old_version_is_served(
    model_dir, monkeypatch
):
    seen = []
    write_paper_bundle(model_dir / ".pushing-5", 5)
    Steps(
        monkeypatch.setattr, after_each=lambda: seen.append(served_version(model_dir))
    )
    record_push(model_dir, model_dir / ".pushing-5", 5, author=ADA, is_held=True)
    assert set(seen) == {4}
    assert len(seen) > 3

"""rollout.json: what is written is read, what cannot be is refused by name."""

import json

import pytest

from serving.rollout.errors import RolloutError
from serving.rollout.plan import GuardRail, RolloutPlan, Step
from serving.rollout.state import Arm
from serving.rollout.state_file import ROLLOUT, read_state, replace_file, write_state
from tests.serving.rollout.paper_rollout import paper_metric, paper_plan, paper_state


@pytest.fixture
def written(tmp_path):
    plan = paper_plan(metric=paper_metric(clip=(0.0, 9.0)), log_dir="/log")
    state = paper_state(plan, version=7)
    write_state(tmp_path, state)
    return tmp_path, state


def test_what_was_written_is_read(written):
    state_dir, state = written
    assert read_state(state_dir) == state
    assert json.loads((state_dir / ROLLOUT).read_text())["format_version"] == 1


def test_nothing_is_read_where_no_rollout_was_started(tmp_path):
    assert read_state(tmp_path) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 2}, "format_version is 2; this slipway reads 1"),
        ({"kind": "canry"}, "field 'kind' is \"canry\""),
        ({"colour": "red"}, "field 'colour' is not known"),
        ({"step": 3}, "step is 3; the plan has 1 steps"),
        ({"id": "a/b"}, "id is 'a/b'"),
        ({"step_starts": ["yesterday"]}, "'yesterday' is no ISO 8601 time"),
        ({"step_starts": ["2026-01-01T00:00:00"]}, "has no offset"),
        ({"step_starts": []}, "step_starts has 0 times"),
        ({"serial": "7"}, "field 'serial'"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_file_that_cannot_be_is_refused_by_name(written, change, message):
    state_dir, _ = written
    document = json.loads((state_dir / ROLLOUT).read_text())
    (state_dir / ROLLOUT).write_text(json.dumps(document | change))
    with pytest.raises(RolloutError, match=message):
        read_state(state_dir)


def test_shares_that_do_not_add_up_are_refused(written):
    state_dir, _ = written
    document = json.loads((state_dir / ROLLOUT).read_text())
    document["arms"][0]["share"] = 0.75
    (state_dir / ROLLOUT).write_text(json.dumps(document))
    with pytest.raises(RolloutError, match=r"shares add up to 1\.25"):
        read_state(state_dir)


def test_a_torn_file_is_refused(written):
    state_dir, _ = written
    text = (state_dir / ROLLOUT).read_bytes()
    (state_dir / ROLLOUT).write_bytes(text[: len(text) // 2])
    with pytest.raises(RolloutError, match="no JSON"):
        read_state(state_dir)


def test_a_disk_that_takes_nothing_leaves_the_old_file(written):
    state_dir, state = written
    with pytest.raises(RolloutError, match="cannot be written"):
        replace_file(state_dir / "missing" / ROLLOUT, b"{}")
    assert read_state(state_dir) == state


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Step(share=1.5), "steps.share is 1.5"),
        (lambda: Step(share=0.1, min_requests=-1), "min_requests is -1"),
        (lambda: paper_metric(name="auc"), "metric.name is 'auc'"),
        (lambda: paper_metric(level=0.5), "metric.level is 0.5"),
        (lambda: paper_metric(power=0.5), "metric.power is 0.5"),
        (lambda: paper_metric(minimum_effect=0.0), "metric.minimum_effect is 0.0"),
        (lambda: paper_metric(label_delay_s=-1.0), "metric.label_delay_s is -1.0"),
        (lambda: paper_metric(clip=(1.0, 1.0)), r"metric.clip is \(1.0, 1.0\)"),
        (lambda: GuardRail(name="errors", level=0.01), "max_rate, max_ratio or both"),
        (
            lambda: GuardRail(name="slow", max_rate=0.01, level=0.01),
            "slow.limit_s is None",
        ),
        (
            lambda: GuardRail(name="errors", max_rate=0.1, limit_s=1.0, level=0.01),
            "errors.limit_s is 1.0",
        ),
        (
            lambda: GuardRail(name="errors", max_ratio=0.5, level=0.01),
            "max_ratio is 0.5",
        ),
        (lambda: RolloutPlan(steps=()), r"steps is \[\]"),
        (
            lambda: RolloutPlan(steps=(Step(share=0.5), Step(share=0.1))),
            "shares not falling",
        ),
        (lambda: paper_plan(metric=paper_metric()), "log_dir is None"),
        (lambda: paper_plan(mirrored_share=0.0), "mirrored_share is 0.0"),
        (lambda: Arm(name="stable", url="a:1", share=1.0), "arms.stable.url is 'a:1'"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused_by_name(make, message):
    with pytest.raises(RolloutError, match=message):
        make()


def test_a_growing_share_leaves_the_rest_to_the_stable_arm():
    moved = paper_state().with_share(0.7)
    assert (moved.stable.share, moved.candidate.share) == (pytest.approx(0.3), 0.7)


def test_only_a_shadow_that_runs_is_mirrored():
    assert paper_state().mirrored_share == 0.0
    plan = paper_plan(steps=(Step(share=0.0),), mirrored_share=0.25)
    assert paper_state(plan, kind="shadow").mirrored_share == 0.25

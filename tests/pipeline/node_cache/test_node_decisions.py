"""Decisions of one run: what is looked up, what is kept, what counts as changed."""

import dataclasses

import pytest

from pipeline.node_cache.lookups import BASELINE_STRATEGY, PUSHER
from pipeline.node_cache.node_decisions import NodeDecisions
from pipeline.node_plan import InputSource, NodePlan
from pipeline.run_config import NodeRunConfig, RunConfig
from pipeline.source_digest import SourceSnapshot

TRAINER = NodePlan(node_id="trainer", executor="components.no.Such")
RESOLVER = NodePlan(
    node_id="baseline_resolver",
    strategies=(BASELINE_STRATEGY,),
    inputs={"candidate": (InputSource(node_id="trainer", output="model"),)},
)
PUSH = NodePlan(
    node_id="pusher",
    executor=PUSHER,
    parameters={"model_base_path": "/absent", "model_name": "rides"},
    inputs={
        name: (InputSource(node_id="trainer", output="model"),)
        for name in ("model", "model_blessing", "infra_blessing")
    },
)


@pytest.fixture
def decisions(bench):
    return lambda **settings: NodeDecisions(
        bench.work_dir, RunConfig(**settings), SourceSnapshot()
    )


@pytest.fixture
def model(bench):
    return {"model": [bench.artifact("trainer", "model", "w", "Model", blessed=1)]}


def test_kept_result_answers_the_next_run_unless_the_nodes_cache_is_off(
    decisions, model
):
    first = decisions()
    key = first.decide(TRAINER, may_look_up=True).key
    first.set_outputs("trainer", model)
    assert first.keep(TRAINER, key, "r1") is None

    assert decisions().decide(TRAINER, may_look_up=True).outputs == model
    off = {"nodes": {"trainer": NodeRunConfig(cache=False)}}
    assert decisions(**off).decide(TRAINER, may_look_up=True).outputs is None
    on = off | {"nodes": {"trainer": NodeRunConfig(cache=True)}, "cache": False}
    assert decisions(**on).decide(TRAINER, may_look_up=True).outputs == model
    assert decisions(cache=False).decide(TRAINER, may_look_up=True).outputs is None


def test_resolver_is_looked_up_only_while_nothing_runs(decisions, model):
    made = decisions()
    made.set_outputs("trainer", model)
    found = made.decide(RESOLVER, may_look_up=True)
    assert found.outputs == {"model": [], "model_blessing": []}
    asked = made.decide(RESOLVER, may_look_up=False)
    assert (asked.outputs, asked.key) == (None, None)
    assert asked.why == "baseline_resolver ran: it asks ML Metadata in every run."
    off = decisions(cache=False)
    off.set_outputs("trainer", model)
    assert off.decide(RESOLVER, may_look_up=True).outputs is None


def test_pusher_that_published_is_not_kept_and_one_that_refused_is(
    decisions, model, bench
):
    made = decisions()
    made.set_outputs("trainer", model)
    decided = made.decide(PUSH, may_look_up=True)
    assert decided.why == "pusher ran: it looks at what is published in every run."
    published = bench.artifact("pusher", "pushed_model", "", "PushedModel", version=3)
    made.set_outputs("pusher", {"pushed_model": [published]})
    assert made.keep(PUSH, decided.key, "r1") is None
    assert made.decide(PUSH, may_look_up=False).outputs is None

    refused = bench.artifact("pusher", "pushed_model", "", "PushedModel", pushed=0)
    made.set_outputs("pusher", {"pushed_model": [refused]})
    made.keep(PUSH, decided.key, "r1")
    assert made.decide(PUSH, may_look_up=False).outputs == {"pushed_model": [refused]}


def test_outputs_changed_if_what_they_hold_did(decisions, model):
    made = decisions()
    assert not made.set_outputs("trainer", model)
    elsewhere = dataclasses.replace(model["model"][0], uri="/other", artifact_id=9)
    assert not made.set_outputs("trainer", {"model": [elsewhere], "nothing": []})
    assert made.set_outputs("trainer", {"model": []})


def test_result_of_sources_that_were_edited_meanwhile_is_not_kept(
    decisions, model, tmp_path, monkeypatch
):
    module = tmp_path / "editedcase.py"
    module.write_text("A = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    plan = NodePlan(node_id="trainer", executor="editedcase.Trainer")
    made = decisions()
    decided = made.decide(plan, may_look_up=True)
    made.set_outputs("trainer", model)

    module.write_text("A = 2\n")
    assert made.keep(plan, decided.key, "r1") == (
        "its result is not kept for later runs: editedcase.py was edited while the run "
        "went on."
    )
    module.write_text("A = 1\n")
    assert decisions().decide(plan, may_look_up=True).outputs is None
    assert made.keep(plan, decided.key, "r1") is None
    assert decisions().decide(plan, may_look_up=True).outputs == model

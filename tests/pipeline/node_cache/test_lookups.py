"""What a resolver and the pusher would find, found without starting them."""

import dataclasses
import shutil
from pathlib import Path

import pytest

from components.model_pusher.publish import publish
from pipeline.node_cache.lookups import (
    BASELINE_STRATEGY,
    PUSHER,
    find_lookup,
    look_up_baseline,
    look_up_push,
)
from pipeline.node_plan import InputSource, NodePlan
from pipeline.run_record import ArtifactRecord
from serving.bundle.contract import read_contract
from serving.bundle.seal import seal
from serving.versions.ledger import Author
from serving.versions.promotion import rollback
from tests.serving.versions.paper_bundle import paper_contract

AUTHOR = Author(who="run r1", reason="all bounds met")
RESOLVER = NodePlan(
    node_id="baseline_resolver",
    strategies=(BASELINE_STRATEGY,),
    inputs={"candidate": (InputSource(node_id="trainer", output="model"),)},
)


def test_only_the_two_nodes_that_look_at_the_world_are_looked_up():
    assert find_lookup(RESOLVER) is look_up_baseline
    assert find_lookup(NodePlan(node_id="pusher", executor=PUSHER)) is look_up_push
    assert find_lookup(NodePlan(node_id="trainer", executor="tfx.Trainer")) is None
    latest = NodePlan(node_id="r", strategies=("tfx.LatestArtifactStrategy",))
    assert find_lookup(latest) is None


def test_names_are_those_of_the_real_classes():
    from components.baseline_resolver import strategy
    from components.model_pusher import component

    module, _, name = BASELINE_STRATEGY.rpartition(".")
    assert (strategy.__name__, hasattr(strategy, name)) == (module, True)
    assert f"{component.__name__}.ModelPusher_Executor" == PUSHER
    assert hasattr(component, "ModelPusher_Executor")


@pytest.fixture
def bless(bench):
    """Adds a model, and its blessing where there is a verdict."""

    def bless(blessed=None):
        model = bench.artifact("trainer", "model", "w", "Model")
        if blessed is None:
            return model, None
        blessing = bench.artifact(
            "quality_gate",
            "blessing",
            "v",
            "ModelBlessing",
            blessed=blessed,
            current_model_id=model.artifact_id,
        )
        return model, blessing

    return bless


def baseline(bench, candidate):
    outputs, why = look_up_baseline(
        RESOLVER, {"candidate": [candidate]}, bench.work_dir.metadata_path
    )
    found = {
        name: [artifact.artifact_id for artifact in artifacts]
        for name, artifacts in outputs.items()
    }
    return found, why


def test_baseline_is_the_newest_blessed_model_before_the_candidate(bench, bless):
    bless(blessed=1)
    model, blessing = bless(blessed=1)
    bless(blessed=0)
    candidate, _ = bless(blessed=1)
    bless(blessed=1)

    found, why = baseline(bench, candidate)

    assert found == {
        "model": [model.artifact_id],
        "model_blessing": [blessing.artifact_id],
    }
    assert why == f"baseline_resolver looked: the baseline is the model {model.uri}."


def test_first_candidate_has_no_baseline(bench, bless):
    candidate, _ = bless()
    found, why = baseline(bench, candidate)
    assert found == {"model": [], "model_blessing": []}
    assert "no blessed model came before" in why


def test_model_that_was_deleted_is_no_baseline(bench, bless):
    older, _ = bless(blessed=1)
    newer, _ = bless(blessed=1)
    candidate, _ = bless()
    (raw,) = bench.store.get_artifacts_by_id([newer.artifact_id])
    raw.state = raw.State.DELETED
    bench.store.put_artifacts([raw])
    shutil.rmtree(newer.uri)
    found, _ = baseline(bench, candidate)
    assert found["model"] == [older.artifact_id]


@pytest.fixture
def model(tmp_path) -> ArtifactRecord:
    folder = tmp_path / "model" / "Format-Serving"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "variables.index").write_bytes(b"weights")
    return ArtifactRecord(uri=str(folder.parent), type_name="Model")


@pytest.fixture
def served(tmp_path):
    return tmp_path / "served" / "rides"


@pytest.fixture
def look_up(served, model, tmp_path):
    plan = NodePlan(
        node_id="pusher",
        executor=PUSHER,
        parameters={"model_base_path": str(served.parent), "model_name": "rides"},
    )

    def look_up(blessed=1, infra_blessed=1):
        verdicts = {"model_blessing": blessed, "infra_blessing": infra_blessed}
        inputs = {
            name: [
                ArtifactRecord(uri="/b", type_name="B", properties={"blessed": verdict})
            ]
            for name, verdict in verdicts.items()
        }
        return look_up_push(plan, {**inputs, "model": [model]}, tmp_path)

    return look_up


@pytest.fixture
def push(served, model):
    def assemble(folder, version):
        seal(folder, paper_contract(version))

    return lambda: publish(Path(model.uri) / "Format-Serving", served, assemble, AUTHOR)


def test_model_that_was_never_pushed_is_left_to_the_pusher(look_up):
    assert look_up() is None


def test_published_model_is_found_with_what_the_pusher_would_say(look_up, push, served):
    push()
    outputs, why = look_up()
    (pushed,) = outputs["pushed_model"]
    assert pushed.uri == str(served / "1")
    assert pushed.properties == {
        "pushed": 0,
        "version": 1,
        "pushed_destination": str(served / "1"),
        "bundle_digest": read_contract(served / "1").digest,
        "is_held": 0,
        "reason": "version 1 is this model already",
    }
    assert why == "pusher did not run: version 1 is this model already."


@pytest.mark.parametrize("verdicts", [(0, 1), (1, 0), (0, 0)])
def test_model_that_is_not_blessed_is_left_to_the_pusher(look_up, push, verdicts):
    push()
    assert look_up(*verdicts) is None


def test_held_model_is_found_and_said_to_be_held(look_up, push, model, served):
    push()
    graph = Path(model.uri) / "Format-Serving" / "saved_model.pb"
    graph.write_bytes(b"another graph")
    push()
    rollback(
        served,
        author=dataclasses.replace(AUTHOR, reason="wrong"),
        verify=lambda _bundle: None,  # a bundle on paper has no golden batch
    )

    outputs, why = look_up()

    properties = outputs["pushed_model"][0].properties
    assert (properties["version"], properties["is_held"]) == (2, 1)
    assert "version 2 is this model already, and it is held back" in why


@pytest.mark.parametrize("damaged", ["saved_model.pb", "assets.extra/contract.json"])
def test_damaged_bundle_is_left_to_the_pusher(look_up, push, served, damaged):
    push()
    (served / "1" / damaged).write_bytes(b"x")
    assert look_up() is None

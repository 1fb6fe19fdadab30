"""Two spans, then a third: decided, trained from the last weights, held, promoted."""

import json
from pathlib import Path

import pytest

from data.flights.source import prepare_sample
from pipeline.pipeline_argument import find_config
from pipeline.retraining.decision_ledger import DecisionEntry, EndEntry, ledger_of
from pipeline.retraining.retrain import RetrainRequest, retrain
from pipeline.watch_command import QuietListener
from serving.versions.ledger import Author, read_ledger
from serving.versions.model_folder import held_versions, served_version
from serving.versions.promotion import promote
from tests.e2e.project import ROWS_PER_SPAN, SPLIT, Project

pytestmark = pytest.mark.e2e

POLICY = ("retraining", {"window_spans": 2, "warm_start": True, "min_new_rows": 500})
HELD = ("retraining", {**POLICY[1], "push": "held"})


def ask(project, *changes):
    request = RetrainRequest(
        config_path=find_config("flights"),
        overrides=project.overrides(SPLIT, ("data.spans", {}), *changes),
    )
    return retrain(request, QuietListener())


@pytest.fixture(scope="module")
def retrained(tmp_path_factory):
    """The project after a first model of two spans and one decision about a third."""
    project = Project(tmp_path_factory.mktemp("retrained"))
    prepare_sample(project.spans, ROWS_PER_SPAN, [1, 2])
    first = ask(project, POLICY)
    prepare_sample(project.spans, ROWS_PER_SPAN, [3])
    second = ask(project, HELD)
    return project, first, second


def summary_of(record):
    folder = record.node("trainer").output("model_run").uri
    return json.loads((Path(folder) / "training_summary.json").read_text())


def test_the_first_model_starts_cold_and_is_served(retrained):
    _, first, _ = retrained
    assert (first.decision.action, first.record.spans) == ("run", [1, 2])
    assert first.record.state == "pushed", first.record.reason
    assert summary_of(first.record)["warm_start"] is None


def test_the_second_reads_the_window_and_starts_from_the_first(retrained):
    _, first, second = retrained
    assert second.record.spans == [2, 3]
    assert second.record.state == "pushed", second.record.reason
    warm = summary_of(second.record)["warm_start"]
    assert warm["folder"].startswith(first.record.node("trainer").output("model").uri)
    assert (len(warm["copied"]), warm["fresh"]) == (10, {})
    assert warm["rows"]["terms_kept"] > 0


def test_the_candidate_waits_and_a_promotion_serves_it(retrained):
    project, _, second = retrained
    assert second.record.reason == "pushed as version 2, held back: slipway promote 2"
    assert [entry.action for entry in read_ledger(project.models).entries] == [
        "push",
        "hold",
    ]
    assert (served_version(project.models), held_versions(project.models)) == (1, [2])
    promote(project.models, 2, author=Author(who="a test"))
    assert served_version(project.models) == 2


def test_asking_again_trains_nothing_and_says_why(retrained):
    project, _, second = retrained
    again = ask(project, HELD)
    assert (again.decision.action, again.record) == ("no", None)
    assert f"no span is new since run {second.record.run_id}" in again.decision.sentence
    kinds = [type(entry) for entry in ledger_of(project.work_dir).read().entries]
    assert kinds == [DecisionEntry, EndEntry, DecisionEntry, EndEntry, DecisionEntry]


def test_the_same_run_finds_the_same_base_and_trains_nothing(retrained):
    project, _, second = retrained
    done = project.run(
        SPLIT,
        ("train.warm_start", True),
        ("data.spans", {"newest": 2}),
        ("deployment.push", "held"),
    )
    assert done.returncode == 0, done.stdout
    states = project.states()
    assert states["trainer"] == "cached"
    assert states.pop("base_model_resolver") == "done"
    assert project.last_run().code_digest == second.record.code_digest

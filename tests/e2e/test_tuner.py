"""The search for hyperparameters is off by default, and works."""

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e


def test_tuner_searches_and_trainer_uses_what_it_found(project):
    done = project.run(
        ("data.spans", {"first": 1, "last": 2}),
        ("data.split", {"by": "time", "eval_fraction": 0.3}),
        ("tune.enabled", True),
        ("tune.max_trials", 2),
        ("train.max_epochs", 1),
        ("evaluation.thresholds", [{"metric": "auc", "min": 0.1}]),
    )

    assert done.returncode == 0, done.stdout
    run = project.last_run()
    assert run.node("tuner").state == "done"
    best = run.node("tuner").output("best_hyperparameters")
    text = next(Path(best.uri).glob("*.txt")).read_text()
    chosen = json.loads(text)["values"]
    (summary,) = Path(run.node("trainer").output("model_run").uri).rglob("*.json")
    used = json.loads(summary.read_text())["hyperparameters"]
    shared = chosen.keys() & used.keys()
    assert shared
    assert {name: used[name] for name in shared} == {
        name: chosen[name] for name in shared
    }

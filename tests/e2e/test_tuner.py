"""The search for hyperparameters is off by default, and works."""

import json
from pathlib import Path

import pytest

from pipeline.selection import Selection
from tests.e2e.project import SPLIT

pytestmark = pytest.mark.e2e


@pytest.mark.usefixtures("first_run")
def test_tuner_searches_and_trainer_uses_what_it_found(project):
    done = project.run(
        SPLIT,
        ("data.spans.last", 3),
        ("tune.enabled", True),
        ("tune.max_trials", 2),
        ("train.max_epochs", 1),
        selection=Selection(last="trainer"),
    )

    assert done.returncode == 0, done.stdout
    run = project.last_run()
    assert run.node("transform").state == "cached"
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

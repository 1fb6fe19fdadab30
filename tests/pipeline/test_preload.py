"""Nodes are forked from a process that imported what they need, and little else."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Prints what is there after the preload, then uses what was put off.
CODE = """
import json, sys
from pipeline import preload
preload.preload()
ran = set(sys.modules)
found = {"ran": sorted(ran), "finders": [type(f).__name__ for f in sys.meta_path]}
from keras.wrappers import SKLearnClassifier
from sklearn.base import is_classifier
found["used"] = is_classifier(SKLearnClassifier(model=None))
try:
    import IPython
except ModuleNotFoundError as error:
    found["absent"] = str(error)
from tfx.components.infra_validator.model_server_runners import kubernetes_runner
found["kubernetes"] = kubernetes_runner.KubernetesRunner.__name__
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found():
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.beam
def test_what_nodes_need_is_imported(found):
    assert {
        "apache_beam",
        "keras",
        "tensorflow",
        "tensorflow_data_validation",
        "tensorflow_transform",
        "tfx.orchestration.portable.launcher",
    } <= set(found["ran"])


@pytest.mark.beam
def test_what_no_node_needs_is_not_run(found):
    unneeded = ("IPython", "sklearn", "kubernetes", "google.cloud.pubsub_v1")
    assert set(unneeded) & set(found["ran"]) == set()
    assert "_Finder" not in found["finders"]


@pytest.mark.beam
def test_what_was_put_off_works_when_somebody_asks_for_it(found):
    assert found["used"] is True
    assert found["kubernetes"] == "KubernetesRunner"


@pytest.mark.beam
def test_a_node_takes_itself_for_no_notebook(found):
    assert found["absent"] == "IPython is left out in nodes, which run in no notebook"

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
from IPython import get_ipython
found["notebook"] = get_ipython() is not None
found["ipython_ran"] = "IPython.core" in sys.modules
from IPython.display import HTML
import IPython
found["html"], found["ipython"] = HTML("<b>").data, IPython.version_info[0] > 0
from tfx.components.infra_validator.model_server_runners import kubernetes_runner
from tensorflow_model_analysis.api.model_eval_lib import load_eval_result
found["tfma"] = load_eval_result.__name__
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
def test_a_node_knows_without_ipython_that_it_is_no_notebook(found):
    assert (found["notebook"], found["ipython_ran"]) == (False, False)


@pytest.mark.beam
def test_ipython_is_there_for_who_needs_it(found):
    assert (found["html"], found["ipython"]) == ("<b>", True)


@pytest.mark.beam
def test_tfma_reads_results_in_a_node(found):
    assert found["tfma"] == "load_eval_result"

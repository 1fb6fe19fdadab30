"""A warm start on a cluster: the trainer reads what the cluster's own form finds."""

import json

import pytest
import yaml

from pipeline.compile.spec_parts import node_tasks
from tests.pipeline.compile.conftest import ON_KUBEFLOW, ON_VERTEX, compile_flights


def spec_of(compiled):
    if compiled.target == "kubeflow":
        return next(iter(yaml.safe_load_all(compiled.content)))
    return json.loads(compiled.content)["pipelineSpec"]


@pytest.mark.parametrize(
    ("target", "places", "producer"),
    [
        ("kubeflow", ON_KUBEFLOW, "base-model-resolver"),
        ("vertex", ON_VERTEX, "base-model-resolver-model-resolver"),
    ],
)
def test_the_trainer_reads_the_model_to_start_from(target, places, producer):
    settings = {"train.warm_start": True, "deployment.push": "held"}
    tasks = node_tasks(spec_of(compile_flights(target, places, **settings)))
    base = tasks["trainer"]["inputs"]["artifacts"]["base_model"]["taskOutputArtifact"]
    assert base["producerTask"] == producer
    assert producer in tasks["trainer"]["dependentTasks"]
    push = tasks["pusher"]["inputs"]["parameters"]["push"]["runtimeValue"]["constant"]
    assert push in ("held", {"stringValue": "held"})


def test_without_one_nothing_looks_for_it(kubeflow_spec):
    tasks = node_tasks(kubeflow_spec)
    assert "base-model-resolver" not in tasks
    assert "base_model" not in tasks["trainer"]["inputs"]["artifacts"]

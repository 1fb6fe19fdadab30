"""What dangles in a compiled pipeline is named, whichever part of it that is."""

import copy

import pytest
from tfx.orchestration.data_types import RuntimeParameter
from tfx.orchestration.kubeflow.decorators import FinalStatusStr
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner
from tfx.orchestration.pipeline import Pipeline

from components.final_status.component import FinalStatusReporter
from components.published_baseline.component import PublishedBaseline
from pipeline.compile.check_references import check_references
from pipeline.compile.check_runs_there import check_runs_there
from pipeline.compile.errors import CompiledPipelineError
from pipeline.compile.targets import KUBEFLOW, VERTEX
from tests.pipeline.compile.conftest import GPU_IMAGE, IMAGE


def without(spec: dict, *keys: str) -> dict:
    changed = copy.deepcopy(spec)
    part = changed
    for key in keys[:-1]:
        part = part[key]
    del part[keys[-1]]
    return changed


def replaced(spec: dict, value: object, *keys: str) -> dict:
    changed = copy.deepcopy(spec)
    part = changed
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = value
    return changed


NODES = ("components", "tfx-dag", "dag", "tasks")
DANGLING = {
    "component": (
        (None, "components", "pusher"),
        "task pusher runs component 'pusher', which is not there",
    ),
    "executor": (
        (None, "deploymentSpec", "executors", "pusher-executor"),
        "component pusher has no executor 'pusher-executor'",
    ),
    "artifact": (
        (None, *NODES, "evaluator", "inputs", "artifacts", "examples"),
        "task evaluator is not given its input examples",
    ),
    "parameter": (
        (None, *NODES, "trainer", "inputs", "parameters", "run_fn"),
        "task trainer is not given its parameter run_fn",
    ),
    "root input": (
        (None, "components", "tfx-dag", "inputDefinitions", "parameters", "spans"),
        (
            "parameter spans of task example-gen is the input 'spans', "
            "which is not declared there"
        ),
    ),
    "producer": (
        (
            "trainr",
            *(*NODES, "evaluator", "inputs", "artifacts", "model"),
            *("taskOutputArtifact", "producerTask"),
        ),
        "input model of task evaluator comes from 'trainr', which is no task",
    ),
    "output": (
        (
            "modl",
            *(*NODES, "evaluator", "inputs", "artifacts", "model"),
            *("taskOutputArtifact", "outputArtifactKey"),
        ),
        "input model of task evaluator is trainer's 'modl', which it lacks",
    ),
    "type": (
        (
            "model_run",
            *(*NODES, "evaluator", "inputs", "artifacts", "model"),
            *("taskOutputArtifact", "outputArtifactKey"),
        ),
        "input model of task evaluator is tfx.ModelRun; it takes tfx.Model",
    ),
    "constant": (
        (
            "0.95",
            *(*NODES, "quality-gate", "inputs", "parameters", "confidence"),
            *("runtimeValue", "constant"),
        ),
        "parameter confidence of task quality-gate is '0.95'; it takes NUMBER_DOUBLE",
    ),
    "slot": (
        (
            "{run_id}",
            *(*NODES, "pusher", "inputs", "parameters", "run_id"),
            *("runtimeValue", "constant"),
        ),
        (
            "parameter run_id of task pusher is still {run_id}, which nothing fills in "
            "on a cluster"
        ),
    ),
    "placeholder": (
        (
            "{{$.job_id}}",
            *(*NODES, "pusher", "inputs", "parameters", "run_id"),
            *("runtimeValue", "constant"),
        ),
        (
            "parameter run_id of task pusher holds the placeholder 'job_id', which no "
            "cluster knows"
        ),
    ),
    "condition": (
        (
            {"condition": "inputs.artifacts['_trainer.model'].artifacts[0].uri == ''"},
            *(*NODES, "pusher", "triggerPolicy"),
        ),
        "task pusher has a condition on '_trainer.model', which it is not given",
    ),
    "upstream": (
        (["nobody"], *NODES, "pusher", "dependentTasks"),
        "task pusher waits for 'nobody', which is not in tfx-dag",
    ),
    "image": (
        ("", "deploymentSpec", "executors", "pusher-executor", "container", "image"),
        "executor pusher-executor has no image",
    ),
}


def test_what_was_compiled_has_no_dangling_reference(kubeflow_spec, vertex_job):
    check_references(kubeflow_spec)
    check_references(vertex_job["pipelineSpec"])


@pytest.mark.parametrize(("change", "problem"), DANGLING.values(), ids=DANGLING)
def test_a_dangling_reference_is_named(kubeflow_spec, change, problem):
    value, *keys = change
    broken = (
        without(kubeflow_spec, *keys)
        if value is None
        else replaced(kubeflow_spec, value, *keys)
    )

    with pytest.raises(CompiledPipelineError) as caught:
        check_references(broken)

    assert problem in caught.value.problems


def test_tasks_that_wait_for_each_other_are_named(kubeflow_spec):
    broken = replaced(
        kubeflow_spec, ["pusher"], *NODES, "example-gen", "dependentTasks"
    )

    with pytest.raises(CompiledPipelineError, match=r"tasks of tfx-dag wait for each"):
        check_references(broken)


def test_a_resolver_is_refused_for_kubeflow(vertex_job):
    spec = vertex_job["pipelineSpec"]
    check_runs_there(spec, [IMAGE], VERTEX)

    with pytest.raises(
        CompiledPipelineError,
        match=r"task baseline-resolver-model-resolver is a resolver, and kubeflow has",
    ):
        check_runs_there(spec, [IMAGE], KUBEFLOW)


def test_code_types_and_images_that_a_container_will_not_find_are_named(kubeflow_spec):
    pusher = ("deploymentSpec", "executors", "pusher-executor", "container")
    golden = ("components", "golden-batch-gen", "outputDefinitions", "artifacts")
    broken = replaced(kubeflow_spec, "other:1", *pusher, "image")
    arguments = broken["deploymentSpec"]["executors"]["pusher-executor"]["container"]
    arguments["args"][1] = "components.nobody.Executor"
    title = {"instanceSchema": "title: components.Nothing\ntype: object\n"}
    broken = replaced(broken, title, *golden, "golden_rows", "artifactType")

    with pytest.raises(CompiledPipelineError) as caught:
        check_runs_there(broken, [IMAGE, GPU_IMAGE], KUBEFLOW)

    assert [
        problem.partition(", which")[0] for problem in caught.value.problems[:2]
    ] == [
        "task pusher runs components.nobody.Executor",
        "artifacts are of type components.Nothing",
    ]
    assert caught.value.problems[2] == (
        f"executor pusher-executor runs in other:1, not in {IMAGE} or {GPU_IMAGE}"
    )


def test_tfxs_own_runtime_parameters_dangle_beside_an_exit_handler():
    # Why pipeline/compile/runtime_parameters.py wires parameters itself.
    runner = kubeflow_v2_dag_runner.KubeflowV2DagRunner(
        kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(
            default_image=IMAGE, use_pipeline_spec_2_1=True
        )
    )
    path = RuntimeParameter(name="models", ptype=str, default="/mnt/models")
    node = PublishedBaseline(model_base_path=path, model_name="toy").with_id("node")
    runner.set_exit_handler(
        FinalStatusReporter(
            final_status=FinalStatusStr(),
            run_id="1",
            model_base_path="/mnt/models",
            model_name="toy",
        ).with_id("exit")
    )
    toy = Pipeline("toy", "gs://bucket/artifacts", components=[node])
    spec = runner.run(toy, write_out=False)["pipelineSpec"]

    with pytest.raises(CompiledPipelineError) as caught:
        check_references(spec)

    (problem,) = caught.value.problems
    assert problem == (
        "parameter model_base_path of task node is the input 'models', which is not "
        "declared there"
    )

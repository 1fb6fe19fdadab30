"""The parts of a PipelineSpec that the compile steps change, found by name.

    root           tasks: tfx-dag (every node of the DAG), final-status (exit handler)
    components     one for each task; that of tfx-dag holds the nodes' tasks
    deploymentSpec executors: what runs in each component

Source:
    kubeflow/pipelines, api/v2alpha1/pipeline_spec.proto.
"""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
NODES_DAG = "tfx-dag"


def node_tasks(spec: Json) -> Json:
    """Returns the tasks of the DAG's nodes by name."""
    tasks: Json = spec["components"][NODES_DAG]["dag"]["tasks"]
    return tasks


def all_tasks(spec: Json) -> Iterator[tuple[str, Json]]:
    """Yields name and task of every node, and of the exit handler."""
    yield from node_tasks(spec).items()
    for name, task in spec["root"]["dag"]["tasks"].items():
        if name != NODES_DAG:
            yield name, task


def executors(spec: Json) -> Json:
    """Returns the executors by label."""
    found: Json = spec["deploymentSpec"]["executors"]
    return found


def executor_of(spec: Json, task: Json) -> Json:
    """Returns what runs in a task: {"container": …} or {"resolver": …}."""
    component = spec["components"][task["componentRef"]["name"]]
    found: Json = executors(spec)[component["executorLabel"]]
    return found


def task_name(node_id: str) -> str:
    """Returns what a node is called on a cluster.

    Argo Workflows takes letters, digits and - in the names of templates and tasks.

    Source:
        argoproj/argo-workflows, pkg/apis/workflow/v1alpha1, workflowFieldNameFmt.
    """
    return node_id.replace("_", "-")

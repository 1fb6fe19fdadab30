"""Checks that nothing in a compiled pipeline dangles: every name leads to its part.

A cluster finds most of this only when the task is about to start, hours into a run.
"""

import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

import yaml

from pipeline.compile.errors import CompiledPipelineError
from pipeline.compile.spec_parts import Json

# Argo Workflows, workflowFieldNameFmt.
_NAME = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]*")
_SLOT = re.compile(r"\{(run_id|code)\}")
_CONDITION_INPUT = re.compile(r"inputs\.artifacts\['([^']+)'\]")
_PLACEHOLDER = re.compile(r"\{\{\$\.(\w+)\}\}")
# What clusters fill in: kubeflow/pipelines, backend/src/v2/driver/resolve.go.
_FILLED_IN = (
    "pipeline_job_name",
    "pipeline_job_resource_name",
    "pipeline_job_uuid",
    "pipeline_task_name",
    "pipeline_task_uuid",
)
_PYTHON_TYPES = {
    "STRING": (str,),
    "NUMBER_INTEGER": (int,),
    "NUMBER_DOUBLE": (int, float),
}


def check_references(spec: Json) -> None:
    """Follows every reference between tasks, components, executors and parameters.

    Raises:
        CompiledPipelineError: With every one that leads nowhere or to another type.
    """
    problems = [*_component_problems(spec)]
    for owner, component in _dags(spec):
        problems += _dag_problems(spec, owner, component)
    if problems:
        raise CompiledPipelineError(problems)


def artifact_title(declaration: Json) -> str:
    """Returns the type of a declared artifact, such as tfx.Model."""
    kind = declaration["artifactType"]
    if "instanceSchema" in kind:
        return str(yaml.safe_load(kind["instanceSchema"])["title"])
    return str(kind["schemaTitle"])


def _dags(spec: Json) -> Iterator[tuple[str, Json]]:
    yield "root", spec["root"]
    for name, component in spec["components"].items():
        if "dag" in component:
            yield name, component


def _component_problems(spec: Json) -> Iterator[str]:
    known = spec["deploymentSpec"]["executors"]
    for name, component in spec["components"].items():
        label = component.get("executorLabel")
        if "dag" not in component and label not in known:
            yield f"component {name} has no executor {label!r}"
    for label, executor in known.items():
        container = executor.get("container")
        if container is not None and not container.get("image"):
            yield f"executor {label} has no image"


def _dag_problems(spec: Json, owner: str, component: Json) -> Iterator[str]:
    tasks = component["dag"]["tasks"]
    for name, task in tasks.items():
        if _NAME.fullmatch(name) is None:
            yield f"task {name!r} has a name that Argo does not take"
        reference = task["componentRef"]["name"]
        if reference not in spec["components"]:
            yield f"task {name} runs component {reference!r}, which is not there"
            continue
        for upstream in task.get("dependentTasks", ()):
            if upstream not in tasks:
                yield f"task {name} waits for {upstream!r}, which is not in {owner}"
        called = spec["components"][reference].get("inputDefinitions", {})
        given = task.get("inputs", {})
        yield from _artifact_problems(spec, tasks, name, called, given)
        yield from _condition_problems(name, task, given)
        yield from _parameter_problems(component, tasks, name, called, given)
    yield from _cycle_problems(owner, tasks)


def _artifact_problems(
    spec: Json, tasks: Json, name: str, called: Json, given: Json
) -> Iterator[str]:
    wanted = called.get("artifacts", {})
    sources = given.get("artifacts", {})
    for key in wanted.keys() - sources.keys():
        yield f"task {name} is not given its input {key}"
    for key, source in sources.items():
        if key not in wanted:
            yield f"task {name} is given {key!r}, which it does not take"
            continue
        where = f"input {key} of task {name}"
        origin = source.get("taskOutputArtifact", {})
        producer, output = origin.get("producerTask"), origin.get("outputArtifactKey")
        if producer not in tasks:
            yield f"{where} comes from {producer!r}, which is no task"
            continue
        made = _outputs(spec, tasks[producer])
        if output not in made:
            yield f"{where} is {producer}'s {output!r}, which it lacks"
        elif artifact_title(made[output]) != artifact_title(wanted[key]):
            yield (
                f"{where} is {artifact_title(made[output])}; "
                f"it takes {artifact_title(wanted[key])}"
            )


def _condition_problems(name: str, task: Json, given: Json) -> Iterator[str]:
    """Finds what TFX's compiler does to a condition on an input the task has anyway."""
    condition = task.get("triggerPolicy", {}).get("condition", "")
    for key in _CONDITION_INPUT.findall(condition):
        if key not in given.get("artifacts", {}):
            yield f"task {name} has a condition on {key!r}, which it is not given"


def _outputs(spec: Json, task: Json) -> Json:
    component = spec["components"].get(task["componentRef"]["name"], {})
    found: Json = component.get("outputDefinitions", {}).get("artifacts", {})
    return found


def _parameter_problems(
    parent: Json, tasks: Json, name: str, called: Json, given: Json
) -> Iterator[str]:
    wanted = called.get("parameters", {})
    sources = given.get("parameters", {})
    for key in sorted(wanted.keys() - sources.keys()):
        if "defaultValue" not in wanted[key] and not wanted[key].get("isOptional"):
            yield f"task {name} is not given its parameter {key}"
    offered = parent.get("inputDefinitions", {}).get("parameters", {})
    for key, source in sources.items():
        where = f"parameter {key} of task {name}"
        if key not in wanted:
            yield f"{where} is given, but not taken"
        elif "componentInputParameter" in source:
            yield from _input_problems(where, wanted[key], source, offered)
        elif "taskFinalStatus" in source:
            if source["taskFinalStatus"]["producerTask"] not in tasks:
                yield f"{where} is the status of a task that is not there"
        else:
            yield from _constant_problems(where, wanted[key], source)


def _input_problems(
    where: str, wanted: Json, source: Json, offered: Mapping[str, Json]
) -> Iterator[str]:
    name = source["componentInputParameter"]
    if name not in offered:
        yield f"{where} is the input {name!r}, which is not declared there"
    elif offered[name]["parameterType"] != wanted["parameterType"]:
        yield (
            f"{where} is {wanted['parameterType']}, but the input {name} is "
            f"{offered[name]['parameterType']}"
        )


def _constant_problems(where: str, wanted: Json, source: Json) -> Iterator[str]:
    value = source.get("runtimeValue", {}).get("constant")
    kind = wanted["parameterType"]
    whole = isinstance(value, float) and value.is_integer()
    if not isinstance(value, _PYTHON_TYPES.get(kind, ())) and not (
        whole and kind == "NUMBER_INTEGER"
    ):
        yield f"{where} is {value!r}; it takes {kind}"
    if isinstance(value, str):
        if _SLOT.fullmatch(value):
            yield f"{where} is still {value}, which nothing fills in on a cluster"
        for found in _PLACEHOLDER.findall(value):
            if found not in _FILLED_IN:
                yield f"{where} holds the placeholder {found!r}, which no cluster knows"


def _cycle_problems(owner: str, tasks: Json) -> Iterator[str]:
    graph = {name: task.get("dependentTasks", ()) for name, task in tasks.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        yield f"tasks of {owner} wait for each other: {' -> '.join(error.args[1])}"

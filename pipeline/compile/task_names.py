"""Renames tasks, components and executors so that a cluster takes their names."""

from pipeline.compile.spec_parts import Json, task_name


def rename_tasks(spec: Json) -> None:
    """Writes example-gen for example_gen wherever a task or what it runs is named.

    Names of inputs, outputs and parameters stay: nodes know them.
    """
    spec["components"] = _renamed(spec["components"])
    deployment = spec["deploymentSpec"]
    deployment["executors"] = _renamed(deployment["executors"])
    for component in spec["components"].values():
        if "executorLabel" in component:
            component["executorLabel"] = task_name(component["executorLabel"])
        elif "dag" in component:
            _rename_dag(component["dag"])
    _rename_dag(spec["root"]["dag"])


def _renamed(parts: Json) -> Json:
    return {task_name(name): part for name, part in parts.items()}


def _rename_dag(dag: Json) -> None:
    dag["tasks"] = _renamed(dag["tasks"])
    for task in dag["tasks"].values():
        for part in (task["taskInfo"], task["componentRef"]):
            part["name"] = task_name(part["name"])
        if "dependentTasks" in task:
            task["dependentTasks"] = sorted(map(task_name, task["dependentTasks"]))
        inputs = task.get("inputs", {})
        for kind in ("artifacts", "parameters"):
            for source in inputs.get(kind, {}).values():
                for reference in source.values():
                    if isinstance(reference, dict) and "producerTask" in reference:
                        reference["producerTask"] = task_name(reference["producerTask"])

"""Checks that every container finds its code, and every artifact its type."""

from collections.abc import Collection, Iterator

from tfx.orchestration.kubeflow.v2 import compiler_utils
from tfx.types.artifact import Artifact
from tfx.utils import import_utils

from pipeline.compile.check_references import artifact_title
from pipeline.compile.errors import CompiledPipelineError
from pipeline.compile.spec_parts import Json, all_tasks, executor_of, executors
from pipeline.compile.targets import Target

_CLASS_FLAG = "--executor_class_path"


def check_runs_there(spec: Json, images: Collection[str], target: Target) -> None:
    """Imports what containers will import, and looks for what the target cannot run.

    Args:
        spec: The PipelineSpec as JSON.
        images: Those that the configuration names.
        target: The cluster.

    Raises:
        CompiledPipelineError: With every class, type, image and task that will not do.
    """
    problems = [
        *_class_problems(spec),
        *_type_problems(spec),
        *_image_problems(spec, images),
        *_resolver_problems(spec, target),
    ]
    if problems:
        raise CompiledPipelineError(problems)


def _class_problems(spec: Json) -> Iterator[str]:
    for name, task in all_tasks(spec):
        arguments = executor_of(spec, task).get("container", {}).get("args", [])
        if _CLASS_FLAG not in arguments:
            continue
        path = arguments[arguments.index(_CLASS_FLAG) + 1]
        try:
            import_utils.import_class_by_path(path)
        except (ImportError, AttributeError) as error:
            yield f"task {name} runs {path}, which cannot be imported: {error}"


def _type_problems(spec: Json) -> Iterator[str]:
    titles = {
        artifact_title(declaration)
        for component in spec["components"].values()
        for part in ("inputDefinitions", "outputDefinitions")
        for declaration in component.get(part, {}).get("artifacts", {}).values()
    }
    for title in sorted(titles):
        path = compiler_utils.TITLE_TO_CLASS_PATH.get(title, title)
        try:
            found = import_utils.import_class_by_path(path)
        except (ImportError, AttributeError, ValueError) as error:
            yield f"artifacts are of type {title}, which cannot be imported: {error}"
            continue
        if not issubclass(found, Artifact):
            yield f"artifacts are of type {title}, which is no artifact type"


def _image_problems(spec: Json, images: Collection[str]) -> Iterator[str]:
    for label, executor in executors(spec).items():
        found = executor.get("container", {}).get("image")
        if found is not None and found not in images:
            yield f"executor {label} runs in {found}, not in {' or '.join(images)}"


def _resolver_problems(spec: Json, target: Target) -> Iterator[str]:
    for name, task in all_tasks(spec):
        if "resolver" in executor_of(spec, task) and not target.has_resolvers:
            yield f"task {name} is a resolver, and {target.name} has none"

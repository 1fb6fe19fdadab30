"""Mends what killed runs and deleted folders left in ML Metadata.

A SQLite file is its work folder's alone. On a server others keep theirs too, most
likely with folders that this machine does not see and runs whose processes are
elsewhere: only what the runs of this work folder made is touched there.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2

from pipeline.metadata.connection import WRITE, open_store
from pipeline.metadata.place import MetadataPlace, MetadataServer
from pipeline.metadata.turn import metadata_turn
from pipeline.run_liveness import is_going_on
from pipeline.run_record import WorkDir

RUN_CONTEXT = "pipeline_run"
_UNFINISHED = (
    metadata_store_pb2.Execution.NEW,
    metadata_store_pb2.Execution.RUNNING,
)
_LIVE = metadata_store_pb2.Artifact.LIVE
_DELETED = metadata_store_pb2.Artifact.DELETED


def tidy(store: Any, work_dir: WorkDir) -> None:
    """Marks artifacts whose folder is gone, and fails executions of runs that ended.

    Args:
        store: Open for writing.
        work_dir: Whose runs made them.
    """
    mark(store, _gone(store, work_dir))
    if isinstance(work_dir.metadata, MetadataServer):
        unfinished = list(_unfinished_of(store, work_dir.run_ids()))
    else:
        unfinished = list(_unfinished(store, store.get_executions()))
    # Looked up afterwards: a run has its record before its first execution.
    alive = {run.run_id for run in work_dir.list_runs() if is_going_on(work_dir, run)}
    fail(
        store,
        [found for found, names in unfinished if names.get(RUN_CONTEXT) not in alive],
    )


def close_attempts(store: Any, contexts: dict[str, str]) -> None:
    """Writes down that attempts failed whose processes could not do so.

    Args:
        store: Open for writing.
        contexts: All contexts, type to name, of the node that does not work any more;
            its run's is one of them.
    """
    unfinished = _unfinished_of(store, [contexts[RUN_CONTEXT]])
    fail(store, [found for found, names in unfinished if names == contexts])


def fail(store: Any, executions: Sequence[Any]) -> None:
    """Writes down that executions failed."""
    for execution in executions:
        execution.last_known_state = metadata_store_pb2.Execution.FAILED
    if executions:
        store.put_executions(executions)


def mark(store: Any, artifacts: Sequence[Any]) -> None:
    """Writes down that artifacts are deleted, so that nothing is resolved to them."""
    for artifact in artifacts:
        artifact.state = _DELETED
    if artifacts:
        store.put_artifacts(artifacts)


def mark_deleted(work_dir: WorkDir, uris: Iterable[str]) -> None:
    """Marks the artifacts of these folders as deleted.

    Args:
        work_dir: Its own runs made them; without a store there is nothing to do.
        uris: Their folders; one that the store does not know is no error.
    """
    place: MetadataPlace = work_dir.metadata
    if isinstance(place, Path) and not place.is_file():
        return
    with metadata_turn(place):
        store = open_store(place, WRITE)
        found = [
            artifact for uri in uris for artifact in store.get_artifacts_by_uri(uri)
        ]
        mark(store, list(_own(store, work_dir, found)))


def _gone(store: Any, work_dir: WorkDir) -> list[Any]:
    found = [
        artifact
        for artifact in store.get_artifacts()
        if artifact.state == _LIVE and artifact.uri and not Path(artifact.uri).exists()
    ]
    return list(_own(store, work_dir, found))


def _own(store: Any, work_dir: WorkDir, artifacts: Iterable[Any]) -> Iterator[Any]:
    """Yields those that runs of this work folder made or used.

    The same path on another machine may be another's folder.
    """
    if not isinstance(work_dir.metadata, MetadataServer):
        yield from artifacts
        return
    own = set(work_dir.run_ids())
    for artifact in artifacts:
        contexts = store.get_contexts_by_artifact(artifact.id)
        runs = {each.name for each in contexts if each.type == RUN_CONTEXT}
        if runs & own:
            yield artifact


def _unfinished_of(
    store: Any, run_ids: Iterable[str]
) -> Iterator[tuple[Any, dict[str, str]]]:
    for run_id in run_ids:
        context = store.get_context_by_type_and_name(RUN_CONTEXT, run_id)
        if context is not None:
            yield from _unfinished(store, store.get_executions_by_context(context.id))


def _unfinished(
    store: Any, executions: Iterable[Any]
) -> Iterator[tuple[Any, dict[str, str]]]:
    """Yields executions that were not concluded, each with its contexts by type."""
    for execution in executions:
        if execution.last_known_state in _UNFINISHED:
            contexts = store.get_contexts_by_execution(execution.id)
            yield execution, {context.type: context.name for context in contexts}

"""What runs in a node's own process: building the DAG, or launching one node of it.

Every function here is called in a fork of a process that has imported this module, and
with it TensorFlow, Beam and TFX, once. A node gets a process of its own so that its
memory is given back, its log is its own down to C++, and its death is only its own.
"""

import logging
import os
import resource
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

# Imported for the forks: each costs seconds and is needed by almost every node.
import tensorflow_data_validation  # noqa: F401
import tensorflow_model_analysis  # noqa: F401
import tensorflow_transform.beam  # noqa: F401
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import compiler, constants

# v1 lacks the launcher and the IR; LocalDagRunner is built on the same parts.
from tfx.orchestration import metadata
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable import launcher, runtime_parameter_utils
from tfx.proto.orchestration import executable_spec_pb2, pipeline_pb2

from pipeline.dag import create_pipeline
from pipeline.dag_inputs import DagInputs
from pipeline.run_record import ArtifactRecord, NodeFailure, NodeResult
from pipeline.source_digest import node_digest

# What a node gets to write down that it was interrupted.
_GRACE_S = 10.0
_DOTTED_PARAMETERS = ("preprocessing_fn", "run_fn", "tuner_fn")
# Nodes that look at the world outside the metadata, so that no cache can answer.
_NEVER_CACHED = ("pusher",)


class NodeInterruptedError(Exception):
    """The run was asked to stop while this node was working."""


def build_dag(
    connection: Connection,
    run_pid: int,
    inputs: DagInputs,
    pipeline_file: Path,
    log_path: Path,
) -> None:
    """Compiles the DAG into a file and sends its node ids, in order of the flow."""
    _answer(connection, run_pid, log_path, lambda: _build(inputs, pipeline_file))


def _build(inputs: DagInputs, pipeline_file: Path) -> list[str]:
    pipeline = compiler.Compiler().compile(create_pipeline(inputs))
    runtime_parameter_utils.substitute_runtime_parameter(
        pipeline, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: inputs.run_id}
    )
    _forget_missing_artifacts(inputs.metadata_path)
    pipeline_file.write_bytes(pipeline.SerializeToString())
    return [node.pipeline_node.node_info.id for node in pipeline.nodes]


def _forget_missing_artifacts(metadata_path: str) -> None:
    """Marks artifacts whose folder is gone, so that no cached result points at them."""
    if not Path(metadata_path).exists():
        return
    with metadata.Metadata(_sqlite(metadata_path)) as handle:
        gone = [
            artifact
            for artifact in handle.store.get_artifacts()
            if artifact.state == metadata_store_pb2.Artifact.LIVE
            and artifact.uri
            and not Path(artifact.uri).exists()
        ]
        for artifact in gone:
            artifact.state = metadata_store_pb2.Artifact.DELETED
        if gone:
            handle.store.put_artifacts(gone)


def _sqlite(metadata_path: str) -> metadata_store_pb2.ConnectionConfig:
    return metadata.sqlite_metadata_connection_config(metadata_path)


def launch_node(
    connection: Connection,
    run_pid: int,
    pipeline_file: Path,
    node_id: str,
    log_path: Path,
) -> None:
    """Runs one node through TFX's Launcher and sends its NodeResult."""
    _answer(connection, run_pid, log_path, lambda: _launch(pipeline_file, node_id))


def _launch(pipeline_file: Path, node_id: str) -> NodeResult:
    pipeline = pipeline_pb2.Pipeline.FromString(pipeline_file.read_bytes())
    (node,) = [
        entry.pipeline_node
        for entry in pipeline.nodes
        if entry.pipeline_node.node_info.id == node_id
    ]
    deployment = runner_utils.extract_local_deployment_config(pipeline)
    connection_config = getattr(
        deployment.metadata_connection_config,
        deployment.metadata_connection_config.WhichOneof("connection_config"),
    )
    executor_spec = runner_utils.extract_executor_spec(deployment, node_id)
    _add_source_digest(executor_spec, node)
    if node_id in _NEVER_CACHED:
        node.execution_options.caching_options.enable_cache = False
    started = time.monotonic()
    info = launcher.Launcher(
        pipeline_node=node,
        mlmd_connection=metadata.Metadata(connection_config),
        pipeline_info=pipeline.pipeline_info,
        pipeline_runtime_spec=pipeline.runtime_spec,
        executor_spec=executor_spec,
        custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, node_id),
    ).launch()
    state, outputs = _read_execution(connection_config, info.execution_id)
    return NodeResult(
        node_id=node_id,
        state=state,
        wall_s=time.monotonic() - started,
        peak_memory_bytes=_peak_memory_bytes(),
        outputs=outputs,
    )


def _peak_memory_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _add_source_digest(executor_spec: Any, node: pipeline_pb2.PipelineNode) -> None:
    """Makes the node's sources and the library versions part of TFX's cache key."""
    if executor_spec is None:
        return
    python_spec = executor_spec
    if isinstance(executor_spec, executable_spec_pb2.BeamExecutableSpec):
        python_spec = executor_spec.python_executor_spec
    modules = [python_spec.class_path.rpartition(".")[0]]
    for name in _DOTTED_PARAMETERS:
        if name in node.parameters.parameters:
            dotted = node.parameters.parameters[name].field_value.string_value
            modules.append(dotted.rpartition(".")[0])
    python_spec.extra_flags.append(f"--source_digest={node_digest(modules)}")


def _read_execution(
    connection_config: Any, execution_id: int
) -> tuple[str, dict[str, list[ArtifactRecord]]]:
    """Returns the state of a finished execution and what it wrote or reused."""
    outputs: dict[str, list[ArtifactRecord]] = {}
    with metadata.Metadata(connection_config) as handle:
        store = handle.store
        (execution,) = store.get_executions_by_id([execution_id])
        events = [
            event
            for event in store.get_events_by_execution_ids([execution_id])
            if event.type == metadata_store_pb2.Event.OUTPUT
        ]
        artifacts = {
            artifact.id: artifact
            for artifact in store.get_artifacts_by_id(
                [event.artifact_id for event in events]
            )
        }
    for event in events:
        artifact = artifacts[event.artifact_id]
        record = ArtifactRecord(
            uri=artifact.uri,
            type_name=artifact.type,
            properties={
                name: _plain(value)
                for name, value in artifact.custom_properties.items()
                if value.WhichOneof("value") != "proto_value"
            },
        )
        outputs.setdefault(event.path.steps[0].key, []).append(record)
    is_cached = execution.last_known_state == metadata_store_pb2.Execution.CACHED
    return ("cached" if is_cached else "done"), outputs


def _plain(value: metadata_store_pb2.Value) -> Any:
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind else None


def _answer(
    connection: Connection, run_pid: int, log_path: Path, work: Callable[[], Any]
) -> None:
    """Prepares this process, does the work and sends its outcome or its failure."""
    _die_with_run(run_pid)
    _redirect_output(log_path)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        answer = work()
    except Exception as error:  # noqa: BLE001 - the edge of this process
        traceback.print_exc()
        answer = describe_failure(error)
    connection.send(answer)
    connection.close()
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads that a library left running must not keep the node alive.
    os._exit(0)


def describe_failure(error: BaseException) -> NodeFailure:
    """Returns the failure to show: the first of our own errors in the chain, if any.

    Beam and TFX wrap what a component raises; the reason is in the cause.
    """
    chain = [error]
    while (inner := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(inner)
    for link in chain:
        exit_code = getattr(link, "exit_code", None)
        if isinstance(exit_code, int):
            return NodeFailure(
                kind=type(link).__name__, message=str(link), exit_code=exit_code
            )
    return NodeFailure(kind=type(error).__name__, message=str(error))


def _interrupt(*_: object) -> None:
    raise NodeInterruptedError("the run was asked to stop")


def _die_with_run(run_pid: int) -> None:
    """Leaves no orphan: when the command line's process is gone, this one follows.

    The parent of this process is the fork server, which stays while it has children; so
    a thread waits for the command line itself.
    """
    os.setpgid(0, 0)
    handle = os.pidfd_open(run_pid)
    threading.Thread(target=_follow, args=(handle,), daemon=True).start()


def _follow(handle: int) -> None:
    select.select([handle], [], [])
    os.killpg(0, signal.SIGTERM)
    time.sleep(_GRACE_S)
    os.killpg(0, signal.SIGKILL)


def _redirect_output(log_path: Path) -> None:
    log_path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)
    sys.stdout = os.fdopen(1, "w", buffering=1)
    sys.stderr = os.fdopen(2, "w", buffering=1)
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        force=True,
    )

"""Compiles the DAG and launches its nodes with TFX's own compiler and Launcher.

TFX's cache is off: whether a node has to run is decided before, by content
(pipeline/node_cache). What is answered from there is recorded here the way TFX records
its own cached executions, so that later nodes find it and lineage can be followed.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import compiler, constants
from tfx.orchestration import data_types_utils

# v1 lacks the launcher and the IR; LocalDagRunner is built on the same parts.
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable import (
    execution_publish_utils,
    inputs_utils,
    launcher,
    runtime_parameter_utils,
)
from tfx.orchestration.portable.mlmd import context_lib
from tfx.proto.orchestration import pipeline_pb2
from tfx.types import artifact_utils

from pipeline.dag import create_pipeline
from pipeline.dag_inputs import DagInputs
from pipeline.metadata import tidying
from pipeline.metadata.locked_metadata import LockedMetadata
from pipeline.node_cache.content import folder_digest
from pipeline.run_record import ArtifactRecord, NodeResult
from pipeline.run_target import Hit, RunTarget

Outputs = dict[str, list[ArtifactRecord]]
# A component may have a content_digest of its own: of what it has read.
FILES_DIGEST = "files_digest"
_OUTPUT_EVENTS = (
    metadata_store_pb2.Event.OUTPUT,
    metadata_store_pb2.Event.INTERNAL_OUTPUT,
)


def compile_dag(inputs: DagInputs, compiled_file: Path) -> None:
    """Writes the compiled DAG, slots unfilled, beside its place and renames it."""
    compiled = compiler.Compiler().compile(create_pipeline(inputs))
    compiled_file.parent.mkdir(parents=True, exist_ok=True)
    beside = compiled_file.with_name(f".{compiled_file.name}.{os.getpid()}")
    beside.write_bytes(compiled.SerializeToString(deterministic=True))
    beside.rename(compiled_file)


def publish_hits(target: RunTarget, hits: Sequence[Hit]) -> dict[str, NodeResult]:
    """Records nodes that did not run, in flow order.

    Returns:
        Node id to what the resolvers among them found.
    """
    found = {}
    pipeline = _load(target)
    _tidy(target)
    for hit in hits:
        if hit.is_resolver:
            outputs = launch_node(target, hit.node_id)
            found[hit.node_id] = NodeResult(
                node_id=hit.node_id, state="done", outputs=outputs
            )
        else:
            _publish_cached(target, _find_node(pipeline, hit.node_id), hit)
    return found


def launch_node(target: RunTarget, node_id: str) -> Outputs:
    """Runs one node; its artifacts get the digest of what they hold.

    Returns:
        What it wrote, or what a resolver found.
    """
    pipeline = _load(target)
    node = _find_node(pipeline, node_id)
    node.execution_options.caching_options.enable_cache = False
    deployment = runner_utils.extract_local_deployment_config(pipeline)
    handle = LockedMetadata(target.metadata)
    info = launcher.Launcher(
        pipeline_node=node,
        mlmd_connection=handle,
        pipeline_info=pipeline.pipeline_info,
        pipeline_runtime_spec=pipeline.runtime_spec,
        executor_spec=runner_utils.extract_executor_spec(deployment, node_id),
        custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, node_id),
    ).launch()
    return _read_outputs(handle, info.execution_id)


def _load(target: RunTarget) -> pipeline_pb2.Pipeline:
    """Reads the compiled DAG and fills its slots."""
    pipeline = pipeline_pb2.Pipeline.FromString(target.compiled_file.read_bytes())
    runtime_parameter_utils.substitute_runtime_parameter(
        pipeline, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: target.values.run_id}
    )
    for entry in pipeline.nodes:
        for parameter in entry.pipeline_node.parameters.parameters.values():
            value = parameter.field_value
            if value.WhichOneof("value") == "string_value":
                value.string_value = target.values.fill(value.string_value)
    return pipeline


def _find_node(
    pipeline: pipeline_pb2.Pipeline, node_id: str
) -> pipeline_pb2.PipelineNode:
    (node,) = [
        entry.pipeline_node
        for entry in pipeline.nodes
        if entry.pipeline_node.node_info.id == node_id
    ]
    return node


def _publish_cached(
    target: RunTarget, node: pipeline_pb2.PipelineNode, hit: Hit
) -> None:
    """Records an execution that used an earlier one's outputs.

    Source:
        tfx/orchestration/portable/launcher.py, _prepare_execution.
    """
    with LockedMetadata(target.metadata) as handle:
        contexts = context_lib.prepare_contexts(
            metadata_handle=handle, node_contexts=node.contexts
        )
        (inputs,) = inputs_utils.resolve_input_artifacts(
            pipeline_node=node, metadata_handle=handle
        )
        execution = execution_publish_utils.register_execution(
            metadata_handle=handle,
            execution_type=node.node_info.type,
            contexts=contexts,
            input_artifacts=inputs,
            exec_properties=data_types_utils.build_parsed_value_dict(
                inputs_utils.resolve_parameters_with_schema(
                    node_parameters=node.parameters
                )
            ),
        )
        execution_publish_utils.publish_cached_executions(
            metadata_handle=handle,
            contexts=contexts,
            executions=[execution],
            output_artifacts_maps=[_artifacts(handle, hit.artifact_ids)],
        )


def _artifacts(
    handle: LockedMetadata, ids: Mapping[str, Sequence[int]]
) -> dict[str, list[Any]]:
    found = {}
    for name, artifact_ids in ids.items():
        raw = handle.store.get_artifacts_by_id(list(artifact_ids))
        types = handle.store.get_artifact_types_by_id([each.type_id for each in raw])
        found[name] = [
            artifact_utils.deserialize_artifact(kind, each)
            for kind, each in zip(types, raw, strict=True)
        ]
    return found


def _tidy(target: RunTarget) -> None:
    place = target.metadata
    if isinstance(place, Path) and not place.exists():
        return
    with LockedMetadata(place) as handle:
        tidying.tidy(handle.store, target.work_dir)


def close_attempts(target: RunTarget, node_id: str) -> None:
    """Writes down that a node's attempts failed whose processes could not do so.

    Args:
        target: The run.
        node_id: A node of it that does not work any more.
    """
    contexts = _find_node(_load(target), node_id).contexts.contexts
    with LockedMetadata(target.metadata) as handle:
        tidying.close_attempts(
            handle.store,
            {each.type.name: each.name.field_value.string_value for each in contexts},
        )


def _read_outputs(handle: LockedMetadata, execution_id: int) -> Outputs:
    """Returns what an execution wrote, each with the digest of what it holds."""
    with handle:
        (execution,) = handle.store.get_executions_by_id([execution_id])
        if execution.last_known_state != metadata_store_pb2.Execution.COMPLETE:
            raise RuntimeError(
                "its inputs could not be resolved in ML Metadata; the log says which."
            )
        events = [
            event
            for event in handle.store.get_events_by_execution_ids([execution_id])
            if event.type in _OUTPUT_EVENTS
        ]
        by_id = {
            artifact.id: artifact
            for artifact in handle.store.get_artifacts_by_id(
                [event.artifact_id for event in events]
            )
        }
    _add_digests(handle, by_id.values())
    outputs: Outputs = {}
    for event in events:
        name = event.path.steps[0].key
        outputs.setdefault(name, []).append(_record(by_id[event.artifact_id]))
    return outputs


def _add_digests(handle: LockedMetadata, artifacts: Iterable[Any]) -> None:
    """Digests folders while the store is closed: large ones take seconds."""
    fresh = [each for each in artifacts if FILES_DIGEST not in each.custom_properties]
    for artifact in fresh:
        artifact.custom_properties[FILES_DIGEST].string_value = folder_digest(
            Path(artifact.uri)
        )
    if fresh:
        with handle:
            handle.store.put_artifacts(fresh)


def _record(artifact: metadata_store_pb2.Artifact) -> ArtifactRecord:
    properties = {
        name: _plain(value)
        for name, value in artifact.custom_properties.items()
        if value.WhichOneof("value") not in ("proto_value", "struct_value")
    }
    return ArtifactRecord(
        uri=artifact.uri,
        type_name=artifact.type,
        properties=properties,
        artifact_id=artifact.id,
        content_digest=str(properties.pop(FILES_DIGEST)),
    )


def _plain(value: metadata_store_pb2.Value) -> Any:
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind else None

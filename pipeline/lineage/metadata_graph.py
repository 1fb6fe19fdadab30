"""ML Metadata of a pipeline as a graph of artifacts and executions, for reading.

Uses the typed getters only: in ml_metadata 1.21 `filter_query` and the lineage subgraph
raise. The store is opened read-only; a run that is going on is not disturbed.

An artifact that was reused from the cache has several producers: the execution that
made it, which has the smallest id, and one for each run that reused it.
"""

from functools import cache
from typing import Any

from ml_metadata.proto import metadata_store_pb2

from pipeline.lineage.metadata_facts import ArtifactFacts, ExecutionFacts
from pipeline.metadata.connection import READ, open_store
from pipeline.metadata.errors import MetadataError
from pipeline.metadata.place import MetadataPlace, MetadataServer

_PIPELINE, _PIPELINE_RUN, _NODE = "pipeline", "pipeline_run", "node"
_INPUTS = (metadata_store_pb2.Event.INPUT, metadata_store_pb2.Event.DECLARED_INPUT)
_OUTPUTS = (metadata_store_pb2.Event.OUTPUT, metadata_store_pb2.Event.DECLARED_OUTPUT)


class MetadataGraph:
    """What one pipeline has in ML Metadata."""

    def __init__(self, place: MetadataPlace) -> None:
        """Opens the store.

        Raises:
            MetadataError: There is none, it is no store, or its server does not answer.
        """
        self._pipeline: str | None = None
        if isinstance(place, MetadataServer):
            self._pipeline = place.pipeline
            # Imported here: most pipelines keep a file.
            from pipeline.metadata.server_check import check_server

            check_server(place)
        elif not place.is_file():
            raise MetadataError(f"there is no {place}")
        self._store = open_store(place, READ)
        # One answer an id is enough: nothing read here changes while it is read.
        self.execution = cache(self._execution)
        self.inputs = cache(self._inputs)
        self.outputs = cache(self._outputs)

    def artifacts_of_type(self, type_name: str) -> list[ArtifactFacts]:
        """Returns every artifact of a type by id; empty if the type is not known."""
        if self._pipeline is None:
            found = self._store.get_artifacts_by_type(type_name)
        else:
            # A server keeps other pipelines as well.
            context = self._store.get_context_by_type_and_name(
                _PIPELINE, self._pipeline
            )
            every = self._store.get_artifacts_by_context(context.id) if context else []
            found = [artifact for artifact in every if artifact.type == type_name]
        return sorted(map(_facts, found), key=lambda facts: facts.artifact_id)

    def executions_of_run(self, run_id: str) -> frozenset[int]:
        """Returns the executions of a run; empty if the run is not known."""
        context = self._store.get_context_by_type_and_name(_PIPELINE_RUN, run_id)
        if context is None:
            return frozenset()
        found = self._store.get_executions_by_context(context.id)
        return frozenset(execution.id for execution in found)

    def producers(self, artifact_id: int) -> list[int]:
        """Returns the executions that gave an artifact out; the first one made it."""
        return self._executions_at(artifact_id, _OUTPUTS)

    def consumers(self, artifact_id: int) -> list[int]:
        """Returns the executions that read an artifact, in order."""
        return self._executions_at(artifact_id, _INPUTS)

    def _executions_at(self, artifact_id: int, kinds: tuple[int, ...]) -> list[int]:
        events = self._store.get_events_by_artifact_ids([artifact_id])
        return sorted({event.execution_id for event in events if event.type in kinds})

    def _inputs(self, execution_id: int) -> tuple[ArtifactFacts, ...]:
        """Returns what an execution read."""
        return self._artifacts_at(execution_id, _INPUTS)

    def _outputs(self, execution_id: int) -> tuple[ArtifactFacts, ...]:
        """Returns what an execution gave out."""
        return self._artifacts_at(execution_id, _OUTPUTS)

    def _artifacts_at(
        self, execution_id: int, kinds: tuple[int, ...]
    ) -> tuple[ArtifactFacts, ...]:
        events = self._store.get_events_by_execution_ids([execution_id])
        ids = sorted({event.artifact_id for event in events if event.type in kinds})
        found = self._store.get_artifacts_by_id(ids) if ids else []
        return tuple(sorted(map(_facts, found), key=lambda facts: facts.artifact_id))

    def _execution(self, execution_id: int) -> ExecutionFacts:
        """Returns which node of which run an execution was."""
        contexts = self._store.get_contexts_by_execution(execution_id)
        names = {context.type: context.name for context in contexts}
        return ExecutionFacts(
            execution_id=execution_id,
            # TFX names the context {pipeline}.{node}.
            node_id=names.get(_NODE, "").split(".", 1)[-1],
            run_id=names.get(_PIPELINE_RUN, ""),
        )


def _facts(artifact: Any) -> ArtifactFacts:
    return ArtifactFacts(
        artifact_id=artifact.id,
        type_name=artifact.type,
        uri=artifact.uri,
        properties={
            name: getattr(value, value.WhichOneof("value"))
            for name, value in artifact.custom_properties.items()
            if value.WhichOneof("value")
        },
    )

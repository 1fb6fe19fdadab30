"""A real ML Metadata store, filled as TFX fills it."""

from pathlib import Path

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2 as pb

_EVENT = pb.Event


class MetadataBuilder:
    """Writes artifacts and executions; their ids are what the methods return."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        config = pb.ConnectionConfig()
        config.sqlite.filename_uri = str(path)
        config.sqlite.connection_mode = (
            pb.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        )
        self.path = path
        self._artifacts = path.parent / "artifacts"
        self._store = metadata_store.MetadataStore(config)

    def artifact(self, type_name: str, **properties: int | str) -> int:
        """Adds an artifact whose folder exists."""
        type_id = self._store.put_artifact_type(
            pb.ArtifactType(name=type_name), can_add_fields=True
        )
        found = len(self._store.get_artifacts()) + 1
        uri = self._artifacts / f"{type_name.lower()}" / str(found)
        uri.mkdir(parents=True)
        artifact = pb.Artifact(type_id=type_id, uri=str(uri))
        for name, value in properties.items():
            kind = "int_value" if isinstance(value, int) else "string_value"
            setattr(artifact.custom_properties[name], kind, value)
        (artifact_id,) = self._store.put_artifacts([artifact])
        return artifact_id

    def execute(
        self, run_id: str, node_id: str, inputs: list[int], outputs: list[int]
    ) -> int:
        """Adds an execution of a node in a run; a cached one gives old artifacts."""
        type_id = self._store.put_execution_type(
            pb.ExecutionType(name=f"components.{node_id}"), can_add_fields=True
        )
        contexts = [
            self._context("pipeline", "flights"),
            self._context("pipeline_run", run_id),
            self._context("node", f"flights.{node_id}"),
        ]
        events = [(artifact, _EVENT.INPUT) for artifact in inputs]
        events += [(artifact, _EVENT.OUTPUT) for artifact in outputs]
        by_id = {found.id: found for found in self._store.get_artifacts()}
        execution_id, _, _ = self._store.put_execution(
            pb.Execution(type_id=type_id),
            [
                (by_id[artifact], pb.Event(type=kind, artifact_id=artifact))
                for artifact, kind in events
            ],
            contexts,
        )
        return execution_id

    def resolve(self, run_id: str, artifact: int) -> None:
        """Adds what a resolver leaves: an execution that only points at an artifact."""
        execution = self.execute(run_id, "baseline_resolver", [], [])
        self._store.put_events(
            [
                pb.Event(
                    execution_id=execution,
                    artifact_id=artifact,
                    type=_EVENT.INTERNAL_OUTPUT,
                )
            ]
        )

    def _context(self, type_name: str, name: str) -> pb.Context:
        found = self._store.get_context_by_type_and_name(type_name, name)
        if found is not None:
            return found
        type_id = self._store.put_context_type(pb.ContextType(name=type_name))
        (context_id,) = self._store.put_contexts(
            [pb.Context(type_id=type_id, name=name)]
        )
        return next(
            found for found in self._store.get_contexts() if found.id == context_id
        )

"""Keys, artifacts and a real ML Metadata store to decide about."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2 as pb

from pipeline.node_cache.content import folder_digest
from pipeline.node_cache.node_key import NodeKey
from pipeline.run_record import ArtifactRecord, WorkDir


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def key(**parts) -> NodeKey:
    return NodeKey(
        **{
            "executor": "tfx.Trainer",
            "parameters": {"train_args.batch_size": "512", "seed": "7"},
            "inputs": {"examples from example_gen": sha("rows")},
            "sources": {"models/flights/model.py": sha("model")},
            "libraries": {"tensorflow": "2.21.0"},
        }
        | parts
    )


@dataclass
class Workbench:
    """A work folder whose artifacts ML Metadata knows."""

    folder: Path
    store: metadata_store.MetadataStore = field(init=False)

    def __post_init__(self) -> None:
        self.work_dir = WorkDir(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.begin_store()

    def begin_store(self) -> None:
        """Opens the store; a new one where there is none."""
        config = pb.ConnectionConfig()
        config.sqlite.filename_uri = str(self.work_dir.metadata_path)
        config.sqlite.connection_mode = (
            pb.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        )
        self.store = metadata_store.MetadataStore(config)

    def artifact(
        self, node_id: str, name: str, content: str, type_name="Examples", **properties
    ) -> ArtifactRecord:
        """Writes a folder of two files and tells the store of it."""
        base = self.work_dir.artifacts / node_id / name
        folder = base / str(len(list(base.glob("*"))) + 1)
        (folder / "Split-train").mkdir(parents=True)
        (folder / "Split-train" / "data").write_text(content)
        (folder / "notes.json").write_text("{}")
        type_id = self.store.put_artifact_type(
            pb.ArtifactType(name=type_name), can_add_fields=True
        )
        made = pb.Artifact(
            type_id=type_id, uri=str(folder), state=pb.Artifact.State.LIVE
        )
        for key_name, value in properties.items():
            kind = "int_value" if isinstance(value, int) else "string_value"
            setattr(made.custom_properties[key_name], kind, value)
        (artifact_id,) = self.store.put_artifacts([made])
        return ArtifactRecord(
            uri=str(folder),
            type_name=type_name,
            properties=properties,
            artifact_id=artifact_id,
            content_digest=folder_digest(folder),
        )

"""What a run leaves behind for people and for the next run.

{work_dir}/
    metadata.sqlite         ML Metadata
    artifacts/{node}/…      TFX's artifacts
    runs/{run_id}/run.json  this record, renewed after every node
    runs/{run_id}/logs/     one log a node
    .lock                   held while a run is going on
"""

import dataclasses
import json
import os
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FORMAT_VERSION = 1
RUNNING, PUSHED, UNCHANGED = "running", "pushed", "unchanged"
NOT_BLESSED, STOPPED, FAILED = "not blessed", "stopped", "failed"
INTERRUPTED = "interrupted"


@dataclass(frozen=True, kw_only=True, slots=True)
class ArtifactRecord:
    """One artifact a node wrote or reused.

    Attributes:
        uri: Its folder.
        type_name: TFX's artifact type.
        properties: Its custom properties.
    """

    uri: str
    type_name: str
    properties: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeFailure:
    """Why a node failed.

    Attributes:
        kind: Class of the error.
        message: Its text.
        exit_code: What the command line should exit with.
    """

    kind: str
    message: str
    exit_code: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeResult:
    """How one node ended.

    Attributes:
        node_id: Its id in the DAG.
        state: "done", "cached", "failed", "interrupted" or "not run".
        wall_s: Seconds it took.
        peak_memory_bytes: Largest resident size of its process.
        outputs: Output name to artifacts.
        failure: Set where state is "failed".
    """

    node_id: str
    state: str
    wall_s: float = 0.0
    peak_memory_bytes: int = 0
    outputs: dict[str, list[ArtifactRecord]] = field(default_factory=dict)
    failure: NodeFailure | None = None

    def output(self, name: str) -> ArtifactRecord | None:
        """Returns the first artifact of an output, or None."""
        artifacts = self.outputs.get(name)
        return artifacts[0] if artifacts else None


@dataclass(kw_only=True, slots=True)
class RunRecord:
    """One run, as kept in run.json.

    Attributes:
        run_id: UTC time of the start and four random letters.
        pipeline: The pipeline's name.
        config_path: The YAML file.
        settings: The effective configuration.
        spans: Spans that were read.
        state: One of the constants of this module.
        reason: The state in one sentence.
        exit_code: What the command line exited with; None while running.
        started_at: ISO-8601, UTC.
        wall_s: Seconds from start to end.
        pid: Process of the command line.
        nodes: Results in the order of the DAG.
    """

    run_id: str
    pipeline: str
    config_path: str
    settings: dict[str, Any]
    spans: list[int] = field(default_factory=list)
    state: str = RUNNING
    reason: str = ""
    exit_code: int | None = None
    started_at: str = ""
    wall_s: float = 0.0
    pid: int = 0
    nodes: list[NodeResult] = field(default_factory=list)
    format_version: int = FORMAT_VERSION

    def node(self, node_id: str) -> NodeResult | None:
        """Returns a node's result, or None if it has none."""
        return next((node for node in self.nodes if node.node_id == node_id), None)

    def properties(self, node_id: str, output: str) -> dict[str, Any]:
        """Returns the custom properties of a node's output; empty if it has none."""
        node = self.node(node_id)
        artifact = node.output(output) if node else None
        return artifact.properties if artifact else {}

    def is_abandoned(self) -> bool:
        """Tells whether the record says running but its process is gone."""
        return self.state == RUNNING and not Path(f"/proc/{self.pid}").exists()


@dataclass(frozen=True, slots=True)
class WorkDir:
    """The folders of one work_dir."""

    path: Path

    @property
    def metadata_path(self) -> Path:
        """ML Metadata's SQLite file."""
        return self.path / "metadata.sqlite"

    @property
    def artifacts(self) -> Path:
        """TFX's pipeline root."""
        return self.path / "artifacts"

    def run_dir(self, run_id: str) -> Path:
        """The folder of one run."""
        return self.path / "runs" / run_id

    def log_path(self, run_id: str, node_id: str) -> Path:
        """The log of one node."""
        return self.run_dir(run_id) / "logs" / f"{node_id}.log"

    def write(self, record: RunRecord) -> None:
        """Writes run.json beside its place and renames it."""
        folder = self.run_dir(record.run_id)
        folder.mkdir(parents=True, exist_ok=True)
        beside = folder / f".run.json.{os.getpid()}"
        text = json.dumps(dataclasses.asdict(record), indent=1, default=str)
        beside.write_text(text, encoding="utf-8")
        beside.rename(folder / "run.json")

    def read(self, run_id: str) -> RunRecord:
        """Reads one run.

        Raises:
            FileNotFoundError: There is no such run.
        """
        path = self.run_dir(run_id) / "run.json"
        values = json.loads(path.read_text(encoding="utf-8"))
        values["nodes"] = [_node_from(node) for node in values["nodes"]]
        return RunRecord(**values)

    def list_runs(self) -> list[RunRecord]:
        """Returns every run, oldest first."""
        paths = sorted((self.path / "runs").glob("*/run.json"))
        return [self.read(path.parent.name) for path in paths]


def _node_from(values: dict[str, Any]) -> NodeResult:
    failure = values.pop("failure", None)
    outputs = {
        name: [ArtifactRecord(**artifact) for artifact in artifacts]
        for name, artifacts in values.pop("outputs", {}).items()
    }
    return NodeResult(
        **values, outputs=outputs, failure=NodeFailure(**failure) if failure else None
    )


def new_run_id(now: datetime | None = None) -> str:
    """Returns an id that sorts by time: 20261120-104512-3fa2."""
    moment = now or datetime.now(UTC)
    return f"{moment:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"

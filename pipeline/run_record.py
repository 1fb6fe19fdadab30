"""What a run leaves behind for people and for the next run.

{work_dir}/
    metadata.sqlite         ML Metadata, unless a server keeps it
    artifacts/{node}/…      TFX's artifacts
    runs/{run_id}/run.json  this record, renewed after every node
    runs/{run_id}/logs/     one log a node
    runs/{run_id}/.alive    held by the run's process while it goes on
    cache/                  results of nodes by key, see pipeline/node_cache/
    .lock                   held by every run, and alone by who removes things
"""

import dataclasses
import json
import os
import secrets
import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.metadata.place import MetadataPlace, MetadataServer

FORMAT_VERSION = 1
RUNNING, PUSHED, UNCHANGED = "running", "pushed", "unchanged"
NOT_BLESSED, STOPPED, FAILED = "not blessed", "stopped", "failed"
INTERRUPTED = "interrupted"
PARTIAL = "partial"


@dataclass(frozen=True, kw_only=True, slots=True)
class ArtifactRecord:
    """One artifact a node wrote or reused.

    Attributes:
        uri: Its folder.
        type_name: TFX's artifact type.
        properties: Its custom properties.
        artifact_id: Its id in ML Metadata; 0 where it has none.
        content_digest: SHA-256 (hex) over its files; "" where nobody computed it.
    """

    uri: str
    type_name: str
    properties: dict[str, Any] = field(default_factory=dict)
    artifact_id: int = 0
    content_digest: str = ""


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
        state: "done", "cached", "reused" (left out of a partial run), "failed",
            "interrupted", "not run", or "running".
        wall_s: Seconds it took, all attempts together.
        peak_memory_bytes: Largest resident size of its process.
        outputs: Output name to artifacts.
        failure: Set where state is "failed".
        why: Why it ran or did not, in one sentence; "" in records of early versions.
        details: Further sentences, where there is more than one cause.
        attempts: How often it was started.
        started_s: Seconds from the run's start to the node's.
    """

    node_id: str
    state: str
    wall_s: float = 0.0
    peak_memory_bytes: int = 0
    outputs: dict[str, list[ArtifactRecord]] = field(default_factory=dict)
    failure: NodeFailure | None = None
    why: str = ""
    details: tuple[str, ...] = ()
    attempts: int = 0
    started_s: float = 0.0

    def output(self, name: str) -> ArtifactRecord | None:
        """Returns the first artifact of an output, or None."""
        artifacts = self.outputs.get(name)
        return artifacts[0] if artifacts else None


@dataclass(kw_only=True, slots=True)
class RunRecord:
    """One run, as kept in run.json.

    Attributes:
        run_id: UTC time of the start and two random digits, see new_run_id.
        pipeline: The pipeline's name.
        config_path: The YAML file.
        settings: The effective configuration.
        spans: Spans that were read.
        span_digests: Span, as text, to the digest of its contents; empty in records of
            early versions.
        code_digest: See pipeline/code_digest.py; "" likewise.
        state: One of the constants of this module.
        reason: The state in one sentence.
        exit_code: What the command line exited with; None while running.
        started_at: ISO-8601, UTC.
        wall_s: Seconds from start to end.
        host: Name of the machine; "" in records of early versions.
        pid: Process of the command line, on that machine.
        pid_started: When that process was started, in the kernel's ticks since boot.
        selection: What a partial run was asked for, in words; "" for a whole one.
        exit_problems: What went wrong in the functions of `run.on_exit`.
        nodes: Results in the order of the DAG.
    """

    run_id: str
    pipeline: str
    config_path: str
    settings: dict[str, Any]
    spans: list[int] = field(default_factory=list)
    span_digests: dict[str, str] = field(default_factory=dict)
    code_digest: str = ""
    state: str = RUNNING
    reason: str = ""
    exit_code: int | None = None
    started_at: str = ""
    wall_s: float = 0.0
    host: str = ""
    pid: int = 0
    pid_started: int = 0
    selection: str = ""
    exit_problems: list[str] = field(default_factory=list)
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

    def is_alive(self) -> bool:
        """Tells whether the run is going on.

        Another machine's process is not seen here and counts as alive;
        pipeline/run_liveness.py can tell.
        """
        if self.state != RUNNING:
            return False
        if self.host not in ("", host_name()):
            return True
        started = process_start(self.pid)
        # Records of early versions have no start; a number may be given away again.
        return started is not None and self.pid_started in (0, started)

    def is_abandoned(self) -> bool:
        """Tells whether the record says running but its process is gone."""
        return self.state == RUNNING and not self.is_alive()


@dataclass(frozen=True, slots=True)
class WorkDir:
    """The folders of one work_dir.

    Attributes:
        path: The work_dir itself.
        server: The server that keeps ML Metadata; None: a file of the work_dir.
    """

    path: Path
    server: MetadataServer | None = None

    @property
    def metadata(self) -> MetadataPlace:
        """Where ML Metadata is."""
        return self.server or self.metadata_path

    @property
    def metadata_path(self) -> Path:
        """ML Metadata's SQLite file, where no server keeps it."""
        return self.path / "metadata.sqlite"

    @property
    def artifacts(self) -> Path:
        """TFX's pipeline root."""
        return self.path / "artifacts"

    @property
    def cache(self) -> Path:
        """Results of nodes by key, and compiled DAGs."""
        return self.path / "cache"

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

    def run_ids(self) -> list[str]:
        """Returns the id of every run, oldest first."""
        return sorted(
            path.parent.name for path in (self.path / "runs").glob("*/run.json")
        )

    def list_runs(self) -> list[RunRecord]:
        """Returns every run, oldest first."""
        return [self.read(run_id) for run_id in self.run_ids()]


def host_name() -> str:
    """Returns the name that this machine has for others."""
    return socket.gethostname()


def _node_from(values: dict[str, Any]) -> NodeResult:
    failure = values.pop("failure", None)
    return NodeResult(
        **values
        | {
            "outputs": outputs_from(values.get("outputs", {})),
            "details": tuple(values.get("details", ())),
            "failure": NodeFailure(**failure) if failure else None,
        }
    )


def outputs_from(values: dict[str, Any]) -> dict[str, list[ArtifactRecord]]:
    """Reads a node's outputs back from what JSON made of them."""
    return {
        name: [ArtifactRecord(**artifact) for artifact in artifacts]
        for name, artifacts in values.items()
    }


def process_start(pid: int) -> int | None:
    """Returns when a process was started, in ticks since boot; None if it is gone.

    Source:
        proc(5), field 22 of /proc/{pid}/stat.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


def new_run_id(now: datetime | None = None) -> str:
    """Returns an id that sorts by time: 20261120-104512-3fa2b7.

    Runs that change nothing take less than a second: the first four of the last six
    digits are the second's fraction, in steps of 15 microseconds.
    """
    moment = now or datetime.now(UTC)
    fraction = moment.microsecond * 2**16 // 10**6
    return f"{moment:%Y%m%d-%H%M%S}-{fraction:04x}{secrets.token_hex(1)}"

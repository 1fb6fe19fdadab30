"""What lineage wants to know of an artifact and of an execution; no library needed."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class ArtifactFacts:
    """One artifact.

    Attributes:
        artifact_id: Its id in ML Metadata.
        type_name: TFX's artifact type, such as "Examples".
        uri: Its folder.
        properties: Its custom properties.
    """

    artifact_id: int
    type_name: str
    uri: str
    properties: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def is_there(self) -> bool:
        """Whether its folder still exists."""
        return Path(self.uri).exists()


@dataclass(frozen=True, kw_only=True, slots=True)
class ExecutionFacts:
    """One execution.

    Attributes:
        execution_id: Its id in ML Metadata.
        node_id: Its node in the DAG, such as "trainer".
        run_id: The run it belongs to; "" if none is known.
    """

    execution_id: int
    node_id: str
    run_id: str

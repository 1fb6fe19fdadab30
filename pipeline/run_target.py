"""What the heavy side of a run is told: which run, and what was decided without it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.metadata.place import MetadataPlace
from pipeline.run_record import WorkDir
from pipeline.run_values import RunValues


@dataclass(frozen=True, kw_only=True, slots=True)
class RunTarget:
    """The run that nodes are launched for.

    Attributes:
        compiled_file: The compiled DAG, with slots.
        values: What goes into the slots.
        work_dir: Where ML Metadata and the records of all runs lie.
    """

    compiled_file: Path
    values: RunValues
    work_dir: WorkDir

    @property
    def metadata(self) -> MetadataPlace:
        """Where ML Metadata is."""
        return self.work_dir.metadata


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """A node that did not run.

    Attributes:
        node_id: The node.
        artifact_ids: Output name to ids in ML Metadata; of a resolver, empty: it is
            asked once more.
        is_resolver: Whether it is one.
    """

    node_id: str
    artifact_ids: Mapping[str, Sequence[int]] = field(default_factory=dict)
    is_resolver: bool = False

"""What a run tells while it goes on."""

from typing import Protocol

from pipeline.run_record import NodeResult


class RunListener(Protocol):
    """Is told how a run goes on; the terminal's progress is one."""

    def on_nodes(self, node_ids: list[str]) -> None:
        """The DAG is known; these nodes will run, in this order."""

    def on_start(self, node_id: str) -> None:
        """A node starts."""

    def on_tick(self) -> None:
        """Called about ten times a second while nodes work."""

    def on_end(self, result: NodeResult) -> None:
        """A node ended."""

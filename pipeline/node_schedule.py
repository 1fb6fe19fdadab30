"""Which node may start next: as little sequence as the DAG asks for."""

from collections.abc import Iterable, Mapping


class NodeSchedule:
    """The state of a run: what waits, what is ready, what works, what ended."""

    def __init__(self, upstream: Mapping[str, Iterable[str]]) -> None:
        """Starts with nothing done.

        Args:
            upstream: Node to the nodes that must have ended well before it, in flow
                order. Nodes that are not keys themselves are not waited for.
        """
        self._waiting = {
            node_id: {name for name in needed if name in upstream}
            for node_id, needed in upstream.items()
        }
        self._working: set[str] = set()
        self._has_failed = False

    @property
    def working(self) -> frozenset[str]:
        """Nodes that were started and have not ended."""
        return frozenset(self._working)

    @property
    def is_over(self) -> bool:
        """Whether nothing works and nothing may start any more."""
        return not self._working and not self.ready()

    def ready(self) -> list[str]:
        """Returns the nodes that may start now, in flow order; none after a failure."""
        if self._has_failed:
            return []
        return [node_id for node_id, needed in self._waiting.items() if not needed]

    def start(self, node_id: str) -> None:
        """Takes a ready node as started."""
        del self._waiting[node_id]
        self._working.add(node_id)

    def succeed(self, node_id: str) -> None:
        """Takes a started node as ended well; frees those that waited for it."""
        self._working.remove(node_id)
        for needed in self._waiting.values():
            needed.discard(node_id)

    def fail(self, node_id: str) -> None:
        """Takes a started node as failed: what works goes on, nothing new starts."""
        self._working.remove(node_id)
        self._has_failed = True

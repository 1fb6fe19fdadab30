"""The decisions of one run: which node is answered from the cache, and what is kept."""

from collections.abc import Iterable

from pipeline.node_cache.content import artifact_digest
from pipeline.node_cache.decide import Decision, Outputs, decide, node_key
from pipeline.node_cache.entries import CacheEntries, CacheEntry
from pipeline.node_cache.lookups import PUSHER, find_lookup
from pipeline.node_cache.node_key import NodeKey
from pipeline.node_plan import NodePlan
from pipeline.run_config import RunConfig
from pipeline.run_record import ArtifactRecord, WorkDir
from pipeline.source_digest import SourceSnapshot


class NodeDecisions:
    """Decides nodes in flow order; knows what those decided or run before gave out."""

    def __init__(
        self, work_dir: WorkDir, settings: RunConfig, sources: SourceSnapshot
    ) -> None:
        """Has decided nothing yet.

        Args:
            work_dir: Where earlier results lie.
            settings: `cache`, of the run and of single nodes, is used.
            sources: The run's snapshot.
        """
        self._metadata = work_dir.metadata
        self._entries = CacheEntries(work_dir.cache / "nodes")
        self._settings = settings
        self._sources = sources
        self._outputs: dict[str, Outputs] = {}

    def set_outputs(self, node_id: str, outputs: Outputs) -> bool:
        """Takes what a node gave out; returns whether it is other than before."""
        before = self._outputs.get(node_id)
        self._outputs[node_id] = outputs
        return before is not None and _contents(before) != _contents(outputs)

    def decide(self, plan: NodePlan, *, may_look_up: bool) -> Decision:
        """Decides one node; all it reads from must have given out something.

        Args:
            plan: The node.
            may_look_up: Whether a node that looks at the world may be answered without
                being started; not once others run: the world is theirs too.
        """
        inputs = {
            name: [
                artifact
                for source in sources
                for artifact in self._outputs[source.node_id].get(source.output, [])
            ]
            for name, sources in plan.inputs.items()
        }
        lookup = find_lookup(plan)
        may_reuse = self._settings.of_node(plan.node_id).cache
        key = None if plan.strategies else node_key(plan, inputs, self._sources)
        if lookup is not None and may_look_up and may_reuse:
            found = lookup(plan, inputs, self._metadata)
            if found is not None:
                return Decision(key=key, outputs=found[0], why=found[1])
        if key is None:
            why = f"{plan.node_id} ran: it asks ML Metadata in every run."
            return Decision(key=None, outputs=None, why=why)
        decision = decide(
            plan.node_id,
            key,
            self._entries,
            metadata=self._metadata,
            may_reuse=may_reuse,
        )
        if lookup is None or decision.outputs is not None:
            return decision
        why = f"{plan.node_id} ran: it looks at what is published in every run."
        return Decision(key=key, outputs=None, why=why)

    def keep(self, plan: NodePlan, key: NodeKey | None, run_id: str) -> str | None:
        """Keeps what a node has just written for later runs.

        Returns:
            Why it was not kept; None where it was, or where nobody expects it.
        """
        outputs = self._outputs[plan.node_id]
        if key is None or (plan.executor == PUSHER and _has_published(outputs)):
            return None
        edited = self._sources.changed(plan.modules)
        if edited:
            return (
                f"its result is not kept for later runs: {', '.join(edited)} was "
                "edited while the run went on."
            )
        self._entries.put(
            CacheEntry(node_id=plan.node_id, key=key, run_id=run_id, outputs=outputs)
        )
        return None


def _contents(outputs: Outputs) -> list[tuple[str, list[str]]]:
    return [
        (name, [artifact_digest(artifact) for artifact in artifacts])
        for name, artifacts in sorted(outputs.items())
        if artifacts
    ]


def _has_published(outputs: Outputs) -> bool:
    return any("version" in artifact.properties for artifact in _all(outputs))


def _all(outputs: Outputs) -> Iterable[ArtifactRecord]:
    return (artifact for artifacts in outputs.values() for artifact in artifacts)

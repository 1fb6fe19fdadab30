"""Decides whether a node has to run, and says why in one sentence."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.metadata.place import MetadataPlace
from pipeline.node_cache.content import artifact_digest, folder_digest
from pipeline.node_cache.entries import CacheEntries, CacheEntry
from pipeline.node_cache.known_uris import known_uris
from pipeline.node_cache.node_key import NodeKey, differences, flat_parameters
from pipeline.node_plan import NodePlan
from pipeline.run_record import ArtifactRecord
from pipeline.source_digest import SourceSnapshot, library_versions

Outputs = dict[str, list[ArtifactRecord]]
_MIB = 1024**2
_SHORT_DIGEST = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """Whether a node has to run.

    Attributes:
        key: Its cache key; None for a node that has none.
        outputs: What an earlier run wrote for it; None: it has to run.
        why: The reason in one sentence.
        details: Further causes, a sentence each.
    """

    key: NodeKey | None
    outputs: Outputs | None
    why: str
    details: tuple[str, ...] = field(default=())


def node_key(
    plan: NodePlan,
    inputs: Mapping[str, Sequence[ArtifactRecord]],
    sources: SourceSnapshot,
) -> NodeKey:
    """Returns the key of a node.

    Args:
        plan: The node.
        inputs: Input name to the artifacts it will read, in order.
        sources: The run's snapshot.
    """
    origins = {
        name: ", ".join(source.node_id for source in found)
        for name, found in plan.inputs.items()
    }
    return NodeKey(
        executor=plan.executor,
        parameters=flat_parameters(plan.parameters),
        inputs={
            f"{name} from {origins[name]}": " ".join(map(artifact_digest, artifacts))
            for name, artifacts in inputs.items()
        },
        sources=sources.digests(plan.modules),
        libraries=library_versions(),
    )


def decide(
    node_id: str,
    key: NodeKey,
    entries: CacheEntries,
    *,
    metadata: MetadataPlace,
    may_reuse: bool = True,
) -> Decision:
    """Looks a key up and checks that what it names is there and whole.

    Args:
        node_id: The node.
        key: Its key.
        entries: Earlier results.
        metadata: Where ML Metadata is.
        may_reuse: False: the node runs whatever there is.
    """
    if not may_reuse:
        return Decision(key=key, outputs=None, why=f"{node_id} ran: its cache is off.")
    entry = entries.find(node_id, key)
    if entry is None:
        return _miss(node_id, key, entries)
    damage = find_damage(entry.outputs, metadata)
    if damage is not None:
        return Decision(key=key, outputs=None, why=f"{node_id} ran because {damage}.")
    entries.mark_used(entry)
    return Decision(key=key, outputs=entry.outputs, why=_hit(entry))


def _hit(entry: CacheEntry) -> str:
    size = sum(_size(Path(artifact.uri)) for artifact in _artifacts(entry.outputs))
    return (
        f"{entry.node_id} did not run: inputs, parameters, sources and libraries are "
        f"those of run {entry.run_id}, and what it wrote is there and whole "
        f"({size / _MIB:,.1f} MiB)."
    )


def _miss(node_id: str, key: NodeKey, entries: CacheEntries) -> Decision:
    newest = entries.newest(node_id)
    if newest is None:
        return Decision(
            key=key,
            outputs=None,
            why=f"{node_id} ran because no earlier result of it is kept.",
        )
    found = differences(newest.key, key)
    if not found:
        why = f"{node_id} ran because the earlier result's key is of another format."
        return Decision(key=key, outputs=None, why=why)
    first, *others = found
    more = f" (and {len(others)} more)" if others else ""
    return Decision(
        key=key,
        outputs=None,
        why=f"{node_id} ran because {first.sentence}, since run {newest.run_id}{more}.",
        details=tuple(difference.sentence for difference in others),
    )


def _artifacts(outputs: Outputs) -> Iterable[ArtifactRecord]:
    return [artifact for artifacts in outputs.values() for artifact in artifacts]


def find_damage(outputs: Outputs, metadata: MetadataPlace) -> str | None:
    """Says what is wrong with the first artifact that is not as it was written.

    Args:
        outputs: What an earlier run wrote.
        metadata: Where ML Metadata is, which must know each as the same artifact:
            the next nodes find their inputs there.
    """
    named = [(name, artifact) for name, found in outputs.items() for artifact in found]
    uris = known_uris(metadata, [found.artifact_id for _, found in named])
    for name, artifact in named:
        if uris.get(artifact.artifact_id) != artifact.uri:
            what = f"its output {name} of an earlier run, {artifact.uri},"
            return f"{what} is not in {metadata}"
    with ThreadPoolExecutor() as pool:
        found = pool.map(lambda pair: _damage_of(*pair), named)
        return next((damage for damage in found if damage), None)


def _damage_of(name: str, artifact: ArtifactRecord) -> str | None:
    what = f"its output {name} of an earlier run, {artifact.uri},"
    try:
        digest = folder_digest(Path(artifact.uri))
    except FileNotFoundError:
        return f"{what} is gone"
    if digest == artifact.content_digest:
        return None
    return (
        f"{what} is no longer what was written, content "
        f"{artifact.content_digest[:_SHORT_DIGEST]} to {digest[:_SHORT_DIGEST]}"
    )


def _size(path: Path) -> int:
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())

"""Where a model comes from: from its push back to the spans it read.

ML Metadata knows the chain of nodes, the contract what was true when it was pushed.
The chain starts at the push of exactly this bundle and goes back over every input,
with one exception: a model that was only compared with (the baseline of an evaluation)
is named, but its own origin is not this model's.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.lineage.metadata_facts import ArtifactFacts, ExecutionFacts
from serving.bundle.contract import SealedContract

if TYPE_CHECKING:  # needs ml_metadata, which not every installation has
    from pipeline.lineage.metadata_graph import MetadataGraph

MODEL, PUSHED_MODEL = "Model", "PushedModel"


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One node on the way to a model.

    Attributes:
        execution: The execution that made the outputs.
        reused_by: The execution of the model's own run that took them from the
            cache; None where its own run made them.
        inputs: What it read.
        outputs: Of what it gave out, that which led to the model.
    """

    execution: ExecutionFacts
    reused_by: ExecutionFacts | None
    inputs: tuple[ArtifactFacts, ...]
    outputs: tuple[ArtifactFacts, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Chain:
    """All steps to one push.

    Attributes:
        steps: From the push back to the data.
        compared_with: Models that it was only compared with.
        notes: What could not be followed, a sentence each.
    """

    steps: tuple[Step, ...] = ()
    compared_with: tuple[ArtifactFacts, ...] = ()
    notes: tuple[str, ...] = ()


def trace_chain(graph: "MetadataGraph", sealed: SealedContract) -> Chain:
    """Follows a bundle back through ML Metadata.

    Args:
        graph: The store of the pipeline that made it.
        sealed: The bundle's contract.

    Returns:
        The chain; without steps, and with the reason, where the store does not know
        the bundle.
    """
    model = sealed.contract.model
    push = find_push(graph, sealed)
    if push is None:
        note = (
            f"the metadata knows no push of version {model.version} by run "
            f"{sealed.contract.run.run_id}: it was made with another work_dir."
        )
        return Chain(notes=(note,))
    own = graph.executions_of_run(sealed.contract.run.run_id)
    reached, compared_with = _walk_back(graph, push)
    return Chain(
        steps=_steps(graph, reached, own),
        compared_with=tuple(compared_with),
        notes=tuple(_missing(reached)),
    )


def find_push(graph: "MetadataGraph", sealed: SealedContract) -> ArtifactFacts | None:
    """Returns the PushedModel that a bundle is; None where the store has none."""
    pushes = [
        push
        for push in graph.artifacts_of_type(PUSHED_MODEL)
        if push.properties.get("pushed") == 1
    ]
    for push in pushes:
        if push.properties.get("bundle_digest") == sealed.digest:
            return push
    # Pushers of early versions wrote no digest.
    for push in pushes:
        if "bundle_digest" not in push.properties and _is_of(graph, push, sealed):
            return push
    return None


def _is_of(graph: "MetadataGraph", push: ArtifactFacts, sealed: SealedContract) -> bool:
    runs = {graph.execution(made).run_id for made in graph.producers(push.artifact_id)}
    return (
        push.properties.get("version") == sealed.contract.model.version
        and sealed.contract.run.run_id in runs
    )


def _walk_back(
    graph: "MetadataGraph", push: ArtifactFacts
) -> tuple[list[ArtifactFacts], list[ArtifactFacts]]:
    """Returns the artifacts that led to a push, and the models compared with."""
    found = {push.artifact_id: push}
    compared: dict[int, ArtifactFacts] = {}
    waiting = [push]
    own_models: set[int] = set()
    while waiting:
        artifact = waiting.pop()
        for producer in graph.producers(artifact.artifact_id)[:1]:
            makes = artifact.type_name
            for source in graph.inputs(producer):
                if source.type_name == MODEL and makes in (MODEL, PUSHED_MODEL):
                    own_models.add(source.artifact_id)
                elif source.type_name == MODEL:
                    compared[source.artifact_id] = source
                    continue
                if source.artifact_id not in found:
                    found[source.artifact_id] = source
                    waiting.append(source)
    others = [compared[key] for key in sorted(compared.keys() - own_models)]
    return list(found.values()), others


def _steps(
    graph: "MetadataGraph", reached: Iterable[ArtifactFacts], own: frozenset[int]
) -> tuple[Step, ...]:
    outputs: dict[int, list[ArtifactFacts]] = {}
    reusers: dict[int, int] = {}
    for artifact in reached:
        producers = graph.producers(artifact.artifact_id)
        if not producers:
            continue
        outputs.setdefault(producers[0], []).append(artifact)
        for producer in producers[1:]:
            if producer in own:
                reusers[producers[0]] = producer
    steps = []
    # What an execution read existed before it, so ids fall on the way back.
    for execution_id in sorted(outputs, reverse=True):
        reuser = reusers.get(execution_id)
        steps.append(
            Step(
                execution=graph.execution(execution_id),
                reused_by=graph.execution(reuser) if reuser else None,
                inputs=graph.inputs(execution_id),
                outputs=tuple(
                    sorted(outputs[execution_id], key=lambda facts: facts.artifact_id)
                ),
            )
        )
    return tuple(steps)


def _missing(reached: Iterable[ArtifactFacts]) -> list[str]:
    gone = sorted(facts.artifact_id for facts in reached if not facts.is_there)
    if not gone:
        return []
    ids = ", ".join(str(artifact_id) for artifact_id in gone)
    return [f"the folders of artifacts {ids} are gone; the metadata still has them."]

"""Which models have read a span: by their contracts and by ML Metadata.

A contract says what a pushed model read. ML Metadata knows the models that were
trained and never pushed as well. Where the two disagree about a bundle, that is said.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.lineage.chain import MODEL, PUSHED_MODEL
from pipeline.lineage.metadata_facts import ArtifactFacts
from serving.bundle.contract import SealedContract, Span

if TYPE_CHECKING:  # needs ml_metadata, which not every installation has
    from pipeline.lineage.metadata_graph import MetadataGraph

_EXAMPLES = "Examples"
# What carries rows on from Examples. A schema inferred from them does not, nor does an
# evaluation in which a model was the baseline of another.
_CARRIERS = frozenset(
    [_EXAMPLES, "TransformGraph", "HyperParameters", MODEL, PUSHED_MODEL]
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SpanReader:
    """One model that has read the span, trained or judged on it.

    Attributes:
        version: None where it was never pushed.
        run_id: The run that pushed it, or else trained it.
        path: Its bundle; None where there is none.
        contract_span: The span as its contract has it; None where it does not.
        model: The Model artifact; None where ML Metadata does not know it.
        remark: Why it was not pushed, or where contract and metadata disagree.
    """

    version: int | None
    run_id: str
    path: Path | None = None
    contract_span: Span | None = None
    model: ArtifactFacts | None = None
    remark: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Training:
    """What ML Metadata knows of one model: the artifact and what became of it."""

    model: ArtifactFacts
    run_id: str
    pushes: tuple[tuple[ArtifactFacts, str], ...]


Bundles = Sequence[tuple[Path, SealedContract]]


def find_span_readers(
    span: int, bundles: Bundles, graph: "MetadataGraph | None"
) -> list[SpanReader]:
    """Returns every model that has read a span, pushed ones first.

    Args:
        span: The span's number.
        bundles: Folder and contract of every bundle there is.
        graph: The pipeline's metadata; None: the contracts alone are asked.
    """
    trainings = list(_trainings(graph, span)) if graph else []
    pushed: dict[str, tuple[_Training, ArtifactFacts, str]] = {}
    never: list[SpanReader] = []
    for training in trainings:
        published = [push for push in training.pushes if _is_pushed(push[0])]
        for push, run_id in published:
            key = push.properties.get("bundle_digest") or _key(
                push.properties.get("version"), run_id
            )
            pushed[str(key)] = (training, push, run_id)
        if not published:
            never.append(_never_pushed(training))
    readers = []
    for path, sealed in bundles:
        contract = sealed.contract
        by_run = _key(contract.model.version, contract.run.run_id)
        known = pushed.pop(sealed.digest, None) or pushed.pop(by_run, None)
        read = next((part for part in contract.data.spans if part.span == span), None)
        if known or read:
            remark = _disagreement(read, known[0] if known else None, graph)
            readers.append(
                SpanReader(
                    version=contract.model.version,
                    run_id=contract.run.run_id,
                    path=path,
                    contract_span=read,
                    model=known[0].model if known else None,
                    remark=remark,
                )
            )
    gone = [_gone(*known) for known in pushed.values()]
    return sorted([*readers, *gone], key=lambda reader: reader.version or 0) + never


def _trainings(graph: "MetadataGraph", span: int) -> Iterator[_Training]:
    found: dict[int, ArtifactFacts] = {}
    waiting = [
        examples
        for examples in graph.artifacts_of_type(_EXAMPLES)
        if span in _spans_of(examples)
    ]
    while waiting:
        artifact = waiting.pop()
        if artifact.artifact_id in found:
            continue
        found[artifact.artifact_id] = artifact
        for consumer in graph.consumers(artifact.artifact_id):
            waiting += [
                output
                for output in graph.outputs(consumer)
                if output.type_name in _CARRIERS
            ]
    for artifact_id in sorted(found):
        if found[artifact_id].type_name == MODEL:
            yield _training(graph, found[artifact_id])


def _training(graph: "MetadataGraph", model: ArtifactFacts) -> _Training:
    producers = graph.producers(model.artifact_id)
    pushes = [
        (output, graph.execution(consumer).run_id)
        for consumer in graph.consumers(model.artifact_id)
        for output in graph.outputs(consumer)
        if output.type_name == PUSHED_MODEL
    ]
    return _Training(
        model=model,
        run_id=graph.execution(producers[0]).run_id if producers else "",
        pushes=tuple(pushes),
    )


def _spans_of(examples: ArtifactFacts) -> list[int]:
    """Returns the spans an Examples artifact was made of; empty if it says none."""
    try:
        spans = json.loads(str(examples.properties.get("spans", "[]")))
    except json.JSONDecodeError:
        return []
    return spans if isinstance(spans, list) else []


def _is_pushed(push: ArtifactFacts) -> bool:
    return push.properties.get("pushed") == 1


def _key(version: object, run_id: str) -> str:
    return f"{version} by {run_id}"


def _never_pushed(training: _Training) -> SpanReader:
    reasons = [push.properties.get("reason") for push, _ in training.pushes]
    reason = reasons[-1] if reasons else "its run ended before the pusher"
    return SpanReader(
        version=None,
        run_id=training.run_id,
        model=training.model,
        remark=f"never pushed: {reason or 'no reason is recorded'}",
    )


def _disagreement(
    read: Span | None, training: _Training | None, graph: "MetadataGraph | None"
) -> str:
    if graph and training is None:
        return "by its contract only: the metadata knows no such push of this span"
    if read is None:
        return "by the metadata only: its contract does not name the span"
    return ""


def _gone(training: _Training, push: ArtifactFacts, run_id: str) -> SpanReader:
    destination = push.properties.get("pushed_destination")
    # With a server for metadata, another runner's folder of models.
    is_there = destination is not None and Path(str(destination)).exists()
    return SpanReader(
        version=push.properties.get("version"),
        run_id=run_id,
        model=training.model,
        remark=(
            f"pushed to {destination}, another folder of models"
            if is_there
            else f"pushed to {destination}, where its bundle is no more"
        ),
    )

"""Nodes that look at the world, decided without starting them.

A resolver looks at ML Metadata, the pusher at what is served. Both are asked here the
way the nodes themselves ask, by the same rules; a node that this module does not know
has to run.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from components.baseline_resolver.pick import pick_model
from pipeline.metadata.place import MetadataPlace
from pipeline.node_cache.decide import Outputs
from pipeline.node_plan import NodePlan
from pipeline.run_record import ArtifactRecord

if TYPE_CHECKING:
    from pipeline.lineage.metadata_facts import ArtifactFacts

Inputs = Mapping[str, Sequence[ArtifactRecord]]
Lookup = Callable[[NodePlan, Inputs, MetadataPlace], tuple[Outputs, str] | None]
"""From node, inputs and ML Metadata's place to outputs and the reason; None: run it."""

BASELINE_STRATEGY = "components.baseline_resolver.strategy.PreviousBlessedModelStrategy"
PUSHER = "components.model_pusher.component.ModelPusher_Executor"
_MODEL, _BLESSING = "Model", "ModelBlessing"
_SAVED_MODEL = "Format-Serving"


def find_lookup(plan: NodePlan) -> Lookup | None:
    """Returns how a node's question is answered here; None where it is not."""
    if plan.strategies == (BASELINE_STRATEGY,):
        return look_up_baseline
    if plan.executor == PUSHER:
        return look_up_push
    return None


def look_up_baseline(
    plan: NodePlan, inputs: Inputs, metadata: MetadataPlace
) -> tuple[Outputs, str] | None:
    """Finds the newest blessed model before the candidate.

    Args:
        plan: The resolver.
        inputs: The candidate is all there is: what a resolver picks from has no
            producer, and so is no input here.
        metadata: Where ML Metadata is.

    Source:
        components/baseline_resolver/strategy.py, for the names of the outputs.
    """
    from pipeline.lineage.metadata_graph import MetadataGraph

    candidates = {
        artifact.artifact_id for artifacts in inputs.values() for artifact in artifacts
    }
    graph = MetadataGraph(metadata)
    models = {
        facts.artifact_id: facts
        for facts in graph.artifacts_of_type(_MODEL)
        if facts.is_there
    }
    blessings = {
        int(facts.properties["current_model_id"]): facts
        for facts in graph.artifacts_of_type(_BLESSING)
        if facts.is_there and facts.properties.get("blessed") == 1
    }
    picked = pick_model(candidates, models, blessings)
    if picked is None:
        why = f"{plan.node_id} looked: no blessed model came before this one."
        return {"model": [], "model_blessing": []}, why
    why = f"{plan.node_id} looked: the baseline is the model {models[picked].uri}."
    return {
        "model": [_record(models[picked])],
        "model_blessing": [_record(blessings[picked])],
    }, why


def _record(facts: "ArtifactFacts") -> ArtifactRecord:
    return ArtifactRecord(
        uri=facts.uri,
        type_name=facts.type_name,
        properties=facts.properties,
        artifact_id=facts.artifact_id,
        content_digest=str(facts.properties.get("files_digest", "")),
    )


def look_up_push(
    plan: NodePlan,
    inputs: Inputs,
    metadata: MetadataPlace,  # noqa: ARG001 - part of the interface
) -> tuple[Outputs, str] | None:
    """Finds that a twice blessed model is the newest version already.

    Returns:
        None where the model is not blessed or not published: the pusher has to run.
    """
    from components.model_pusher.publish import find_published
    from serving.bundle.contract import read_contract
    from serving.versions.model_folder import HELD

    blessings = [*inputs["model_blessing"], *inputs["infra_blessing"]]
    if any(blessing.properties.get("blessed") != 1 for blessing in blessings):
        return None
    (model,) = inputs["model"]
    parameters = plan.parameters
    base_path = Path(parameters["model_base_path"]) / parameters["model_name"]
    published = find_published(Path(model.uri) / _SAVED_MODEL, base_path)
    if published is None:
        return None
    pushed = ArtifactRecord(
        uri=str(published.path),
        type_name="PushedModel",
        properties={
            "pushed": 0,
            "version": published.version,
            "pushed_destination": str(published.path),
            "bundle_digest": read_contract(published.path).digest,
            "is_held": int(published.path.parent.name == HELD),
            "reason": published.reason,
        },
    )
    why = f"{plan.node_id} did not run: {published.reason}."
    return {"pushed_model": [pushed]}, why

"""Finds what the run that pushed a bundle left: its model and Transform's own graph."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.config import load_config
from pipeline.pipeline_argument import find_config
from pipeline.settings_loader import ConfigError
from pipeline.work_dir import work_dir_for
from serving.bundle.contract import SealedContract
from serving.skew_proof.reference import RunArtifacts

if TYPE_CHECKING:  # needs ml_metadata, which not every installation has
    from pipeline.lineage.metadata_graph import MetadataGraph

# tfx.types.artifact_utils / tfx.utils.path_utils: where Trainer's SavedModel lies.
_SERVING_MODEL = "Format-Serving"
_TRANSFORM_GRAPH = "TransformGraph"


def artifact_finder(
    pipeline: str, on_note: Callable[[str], None]
) -> Callable[[SealedContract], RunArtifacts]:
    """Returns a function from a bundle's contract to the artifacts of its run.

    Args:
        pipeline: The pipeline's name or YAML file.
        on_note: Told why artifacts are not at hand, in a sentence.
    """
    graph = _open_graph(pipeline, on_note)

    def find(sealed: SealedContract) -> RunArtifacts:
        if graph is None:
            return RunArtifacts()
        found = find_artifacts(graph, sealed)
        if found.transform_graph is None:
            on_note(
                f"Transform's graph of run {sealed.contract.run.run_id} is not in the "
                "pipeline's artifacts; the bundle's own transform alone was replayed."
            )
        return found

    return find


def _open_graph(
    pipeline: str, on_note: Callable[[str], None]
) -> "MetadataGraph | None":
    from pipeline.metadata.errors import MetadataError

    try:
        from pipeline.lineage.metadata_graph import MetadataGraph

        work_dir = work_dir_for(load_config(find_config(pipeline)))
        return MetadataGraph(work_dir.metadata)
    except ModuleNotFoundError as error:
        problem = f"{error.name} is not installed"
    except (ConfigError, MetadataError) as error:
        problem = str(error).removesuffix(".")
    on_note(
        f"the run's artifacts were not looked for: {problem}; the bundle's own "
        "transform alone was replayed."
    )
    return None


def find_artifacts(graph: "MetadataGraph", sealed: SealedContract) -> RunArtifacts:
    """Returns what the run that pushed a bundle left.

    Args:
        graph: The store of the pipeline that made it.
        sealed: The bundle's contract.
    """
    from pipeline.lineage.chain import MODEL, trace_chain

    pushed = _as_pushed(graph, sealed)
    if pushed is None:
        return RunArtifacts()
    folders: dict[str, Path] = {}
    # From the push back: of several models (a warm start) the first was pushed.
    for step in trace_chain(graph, pushed).steps:
        for artifact in step.outputs:
            if artifact.is_there:
                folders.setdefault(artifact.type_name, Path(artifact.uri))
    model = folders.get(MODEL)
    served = model / _SERVING_MODEL if model else None
    return RunArtifacts(
        model=served if served and served.is_dir() else None,
        transform_graph=folders.get(_TRANSFORM_GRAPH),
        pushed_digest=pushed.digest,
    )


def _as_pushed(graph: "MetadataGraph", sealed: SealedContract) -> SealedContract | None:
    """Returns the contract with the digest its run noted; None: no push is known.

    A contract that was written anew after the push still names run and version.
    """
    from pipeline.lineage.chain import PUSHED_MODEL, find_push

    if find_push(graph, sealed) is not None:
        return sealed
    contract = sealed.contract
    own = graph.executions_of_run(contract.run.run_id)
    for push in graph.artifacts_of_type(PUSHED_MODEL):
        is_version = push.properties.get("version") == contract.model.version
        if is_version and not own.isdisjoint(graph.producers(push.artifact_id)):
            digest = str(push.properties.get("bundle_digest", ""))
            return SealedContract(contract=contract, digest=digest)
    return None

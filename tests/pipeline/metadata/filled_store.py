"""A SQLite store with one of everything that MLMD can hold, and a store's contents."""

from pathlib import Path

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2 as pb

from pipeline.metadata.connection import CREATE, READ, open_store
from pipeline.metadata.place import MetadataPlace

# UTF-8 whose bytes have no letter in Windows' latin1, quotes, and what SQL would eat.
AWKWARD = "Ё∑🎉 'one' \"two\" \\n \\\\ %s {x} \n\t\x01 end "


def fill(path: Path) -> None:
    """Makes a store: types, parents, properties, events, every relation."""
    store = open_store(path, CREATE)
    model = store.put_artifact_type(
        pb.ArtifactType(
            name="Model",
            version="v2",
            description=AWKWARD,
            properties={"rank": pb.INT, "note": pb.STRING},
            base_type=pb.ArtifactType.MODEL,
        )
    )
    trainer = store.put_execution_type(
        pb.ExecutionType(name="Trainer", properties={"rate": pb.DOUBLE})
    )
    run = store.put_context_type(pb.ContextType(name="pipeline_run"))
    (group, child) = store.put_contexts(
        [
            pb.Context(type_id=run, name="r1", external_id="outside"),
            pb.Context(type_id=run, name="R1"),
        ]
    )
    store.put_parent_contexts([pb.ParentContext(parent_id=group, child_id=child)])
    for number in range(3):
        execution = pb.Execution(
            type_id=trainer,
            last_known_state=pb.Execution.COMPLETE,
            properties={"rate": pb.Value(double_value=0.1 * number)},
        )
        store.put_execution(
            execution,
            [(_artifact(model, number), _event(number))],
            [pb.Context(id=child, type_id=run, name="R1")],
        )


def _artifact(type_id: int, number: int) -> pb.Artifact:
    made = pb.Artifact(
        type_id=type_id,
        uri=f"/artifacts/{AWKWARD}/{number}",
        name=f"model {number}",
        state=pb.Artifact.LIVE,
    )
    made.properties["rank"].int_value = 2**40 + number
    made.properties["note"].string_value = AWKWARD
    custom = made.custom_properties
    custom["yes"].bool_value = True
    custom["empty"].string_value = ""
    custom["long"].string_value = AWKWARD * 5000
    custom["small"].double_value = 1.25e-300
    custom["struct"].struct_value.update({"deep": [1, {"er": AWKWARD}]})
    custom["proto"].proto_value.Pack(pb.Context(name=AWKWARD))
    return made


def _event(number: int) -> pb.Event:
    event = pb.Event(type=pb.Event.OUTPUT)
    event.path.steps.add().key = "model"
    event.path.steps.add().index = number
    return event


def contents(place: MetadataPlace) -> dict[str, list[str]]:
    """Returns everything that MLMD's own getters tell of a store, ids and times too."""
    store = open_store(place, READ)
    artifacts, executions = store.get_artifacts(), store.get_executions()
    contexts = store.get_contexts()
    return {
        "artifact types": _texts(store.get_artifact_types()),
        "execution types": _texts(store.get_execution_types()),
        "context types": _texts(store.get_context_types()),
        "artifacts": _texts(artifacts),
        "executions": _texts(executions),
        "contexts": _texts(contexts),
        "events": _events(store, [execution.id for execution in executions]),
        "attributions": [
            f"{each.id} {_ids(store.get_contexts_by_artifact(each.id))}"
            for each in artifacts
        ],
        "associations": [
            f"{each.id} {_ids(store.get_contexts_by_execution(each.id))}"
            for each in executions
        ],
        "parents": [
            f"{each.id} {_ids(store.get_parent_contexts_by_context(each.id))}"
            for each in contexts
        ],
    }


def _texts(messages) -> list[str]:
    return sorted(
        str(message.SerializeToString(deterministic=True)) for message in messages
    )


def _events(store: metadata_store.MetadataStore, ids: list[int]) -> list[str]:
    return _texts(store.get_events_by_execution_ids(ids)) if ids else []


def _ids(messages) -> list[int]:
    return sorted(message.id for message in messages)

"""A lost connection: what may be repeated is repeated, the rest is a clear error."""

import pytest
from ml_metadata.proto import metadata_store_pb2 as pb

from pipeline.metadata.connection import CREATE, open_store
from pipeline.metadata.errors import MetadataLostError, MetadataUnavailableError
from pipeline.metadata.locked_metadata import LockedMetadata
from pipeline.metadata.retried_store import RetriedStore
from pipeline.metadata.server_check import prepare_server

RUNNING, COMPLETE = pb.Execution.RUNNING, pb.Execution.COMPLETE


@pytest.fixture
def handle(server):
    """A handle of a prepared database, entered."""
    prepare_server(server)
    with LockedMetadata(server) as entered:
        yield entered


@pytest.fixture
def artifact(handle):
    kind = handle.store.put_artifact_type(pb.ArtifactType(name="Model"))
    (number,) = handle.store.put_artifacts([pb.Artifact(type_id=kind, uri="/one")])
    return handle.store.get_artifacts_by_id([number])[0]


@pytest.fixture
def execution(handle):
    kind = handle.store.put_execution_type(pb.ExecutionType(name="Trainer"))
    made = pb.Execution(type_id=kind, last_known_state=RUNNING)
    (number,) = handle.store.put_executions([made])
    return handle.store.get_executions_by_id([number])[0]


def test_reading_goes_on_after_a_loss(mariadb, handle, artifact):
    assert mariadb.end_connections() == 2, "MLMD's and that of the turn"
    assert handle.store.get_artifacts() == [artifact]


def test_change_of_what_has_an_id_is_repeated(mariadb, handle, artifact):
    mariadb.end_connections()
    artifact.uri = "/two"
    handle.store.put_artifacts([artifact])
    assert [each.uri for each in handle.store.get_artifacts()] == ["/two"]


def test_turn_is_taken_again_after_a_loss(mariadb, handle, artifact):  # noqa: ARG001
    mariadb.end_connections()
    handle.store.get_artifacts()
    assert mariadb.end_connections() == 2


def test_something_new_is_not_written_twice(mariadb, handle, artifact):
    mariadb.end_connections()
    with pytest.raises(MetadataLostError) as caught:
        handle.store.put_artifacts([pb.Artifact(type_id=artifact.type_id, uri="/new")])
    assert caught.value.exit_code == 1, "run.retries may try again"
    assert str(caught.value) == (
        f"the connection to {handle._place} broke in put_artifacts, and what it wrote "
        "may or may not be there. Run again; run.retries does so by itself."
    )
    assert len(handle.store.get_artifacts()) == 1


def test_new_execution_is_not_begun_twice(mariadb, handle, execution):
    mariadb.end_connections()
    with pytest.raises(MetadataLostError, match="broke in put_execution, and"):
        handle.store.put_execution(pb.Execution(type_id=execution.type_id), [], [])
    assert len(handle.store.get_executions()) == 1


def test_outputs_of_an_execution_are_written_after_a_loss(
    mariadb, handle, artifact, execution
):
    mariadb.end_connections()
    execution.last_known_state = COMPLETE
    made = pb.Artifact(type_id=artifact.type_id, uri="/made")
    handle.store.put_execution(execution, [(made, pb.Event(type=pb.Event.OUTPUT))], [])
    assert [each.uri for each in handle.store.get_artifacts()] == ["/one", "/made"]
    assert len(handle.store.get_events_by_execution_ids([execution.id])) == 1
    (stored,) = handle.store.get_executions()
    assert stored.last_known_state == COMPLETE


class DeafStore:
    """Does what it is told, and loses its first answer."""

    def __init__(self, store):
        self.store = store
        self.has_lost = False

    def put_execution(self, *arguments):
        self.store.put_execution(*arguments)
        if not self.has_lost:
            self.has_lost = True
            raise RuntimeError("Lost connection to MySQL server during query")

    def get_executions_by_id(self, ids):
        return self.store.get_executions_by_id(ids)


def test_outputs_that_were_written_are_not_written_twice(
    handle, server, artifact, execution
):
    deaf = DeafStore(open_store(server, CREATE))
    store = RetriedStore(server, lambda: deaf)
    execution.last_known_state = COMPLETE
    made = pb.Artifact(type_id=artifact.type_id, uri="/made")
    with pytest.raises(MetadataLostError, match="broke in put_execution"):
        store.put_execution(execution, [(made, pb.Event(type=pb.Event.OUTPUT))], [])
    assert [each.uri for each in handle.store.get_artifacts()] == ["/one", "/made"]


def test_server_that_comes_back_is_waited_for(mariadb, handle, artifact):
    mariadb.kill()
    mariadb.start()
    assert handle.store.get_artifacts() == [artifact]


def test_server_that_stays_away_is_an_error(mariadb):
    server = mariadb.server(wait_s=1.0)
    prepare_server(server)
    with LockedMetadata(server) as handle:
        mariadb.kill()
        with pytest.raises(MetadataUnavailableError) as caught:
            handle.store.get_artifacts()
    mariadb.start()
    assert f"{server} does not answer: Can't connect" in str(caught.value)


def test_error_of_another_kind_is_not_repeated(handle):
    calls = []

    class Refusing:
        def get_artifacts(self):
            calls.append(1)
            raise ValueError("no")

    store = RetriedStore(handle._place, Refusing)
    with pytest.raises(ValueError, match="no"):
        store.get_artifacts()
    assert calls == [1]

"""On a server, a work folder mends what is its own and leaves alone what is others'."""

import os
from datetime import UTC, datetime

import pytest
from ml_metadata.proto import metadata_store_pb2 as pb

from pipeline import run_record
from pipeline.metadata.connection import CREATE, open_store
from pipeline.metadata.server_check import prepare_server
from pipeline.metadata.tidying import close_attempts, mark_deleted, tidy
from pipeline.run_record import RunRecord, WorkDir, process_start

RUNNING, FAILED = pb.Execution.RUNNING, pb.Execution.FAILED
LIVE, DELETED = pb.Artifact.LIVE, pb.Artifact.DELETED


class Runner:
    """A machine with a work folder, and what its runs told ML Metadata."""

    def __init__(self, folder, place):
        self.work_dir = WorkDir(folder, place)
        self.store = open_store(self.work_dir.metadata, CREATE)
        self.node = self.store.put_context_type(pb.ContextType(name="node"))
        self.run = self.store.put_context_type(pb.ContextType(name="pipeline_run"))
        self.kind = self.store.put_artifact_type(pb.ArtifactType(name="Model"))
        self.does = self.store.put_execution_type(pb.ExecutionType(name="Trainer"))

    def begin(self, run_id, *, is_alive=False):
        """Begins a run whose process is this one, or gone."""
        pid = os.getpid() if is_alive else 2**22 + 1
        record = RunRecord(
            run_id=run_id,
            pipeline="flights",
            config_path="",
            settings={},
            started_at=datetime.now(UTC).isoformat(),
            pid=pid,
            pid_started=process_start(pid) or 0,
        )
        self.work_dir.write(record)

    def execute(self, run_id, uri):
        """A node of a run that never ends, and one artifact of it."""
        execution, (artifact,), _ = self.store.put_execution(
            pb.Execution(type_id=self.does, last_known_state=RUNNING),
            [
                (
                    pb.Artifact(type_id=self.kind, uri=str(uri), state=LIVE),
                    pb.Event(type=pb.Event.OUTPUT),
                )
            ],
            [
                pb.Context(type_id=self.run, name=run_id),
                pb.Context(type_id=self.node, name="flights.trainer"),
            ],
            reuse_context_if_already_exist=True,
        )
        return execution, artifact

    def state(self, execution):
        (found,) = self.store.get_executions_by_id([execution])
        return found.last_known_state

    def artifact_state(self, artifact):
        (found,) = self.store.get_artifacts_by_id([artifact])
        return found.state


@pytest.fixture
def server_place(server):
    prepare_server(server)
    return server


@pytest.fixture
def ours(tmp_path, server_place):
    return Runner(tmp_path / "ours", server_place)


@pytest.fixture
def theirs(tmp_path, server_place):
    return Runner(tmp_path / "theirs", server_place)


def test_own_killed_run_is_concluded_and_anothers_run_is_not(ours, theirs):
    ours.begin("r1")
    ours.begin("r2", is_alive=True)
    theirs.begin("r3")
    killed, _ = ours.execute("r1", ours.work_dir.path)
    alive, _ = ours.execute("r2", ours.work_dir.path)
    others, _ = theirs.execute("r3", ours.work_dir.path)
    tidy(ours.store, ours.work_dir)
    assert ours.state(killed) == FAILED
    assert ours.state(alive) == RUNNING
    assert ours.state(others) == RUNNING, "its process is on another machine"
    tidy(theirs.store, theirs.work_dir)
    assert ours.state(others) == FAILED


def test_folders_that_only_another_machine_sees_are_not_gone(ours, theirs, tmp_path):
    ours.begin("r1")
    theirs.begin("r2")
    _, gone = ours.execute("r1", tmp_path / "gone")
    _, there = ours.execute("r1", tmp_path)
    _, elsewhere = theirs.execute("r2", "/mnt/of/their/machine")
    tidy(ours.store, ours.work_dir)
    assert ours.artifact_state(gone) == DELETED
    assert ours.artifact_state(there) == LIVE
    assert ours.artifact_state(elsewhere) == LIVE


def test_gc_marks_only_its_own_of_two_machines_with_the_same_path(ours, theirs):
    ours.begin("r1")
    theirs.begin("r2")
    _, own = ours.execute("r1", "/runs/artifacts/trainer/model/1")
    _, other = theirs.execute("r2", "/runs/artifacts/trainer/model/1")
    mark_deleted(ours.work_dir, ["/runs/artifacts/trainer/model/1", "/unknown"])
    assert ours.artifact_state(own) == DELETED
    assert ours.artifact_state(other) == LIVE


def test_attempts_of_one_node_of_one_run_are_closed(ours):
    first, _ = ours.execute("r1", "/one")
    other, _ = ours.execute("r2", "/two")
    close_attempts(ours.store, {"pipeline_run": "r1", "node": "flights.evaluator"})
    assert ours.state(first) == RUNNING
    close_attempts(ours.store, {"pipeline_run": "r1", "node": "flights.trainer"})
    assert ours.state(first) == FAILED
    assert ours.state(other) == RUNNING


def test_file_is_its_work_folders_alone(tmp_path):
    """Also what runs made whose records were removed."""
    alone = Runner(tmp_path, None)
    forgotten, artifact = alone.execute("r0", "/gone")
    tidy(alone.store, alone.work_dir)
    assert alone.state(forgotten) == FAILED
    assert alone.artifact_state(artifact) == DELETED
    assert run_record.RUNNING == "running"

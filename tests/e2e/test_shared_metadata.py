"""Two runners at once on one database server, which dies under them and comes back."""

import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2 as pb

from pipeline.metadata.connection import READ, open_store
from pipeline.metadata.errors import MetadataUnavailableError
from pipeline.metadata.server_check import prepare_server
from tests.e2e.project import ENVIRONMENT, SPLIT, Done, Project
from tests.pipeline.metadata.database import (
    PASSWORD,
    PASSWORD_ENV,
    USER,
    MariaDb,
    missing_programs,
)

UP_TO_STATISTICS = ("--to", "statistics_gen")
NUM_NODES = 2
UNFINISHED = {pb.Execution.NEW, pb.Execution.RUNNING}
_PATIENCE_S = 120


@pytest.fixture(scope="module")
def mariadb():
    missing = missing_programs()
    if missing:
        pytest.skip(
            f"{' and '.join(missing)} not found; Debian has them in mariadb-server"
        )
    server = MariaDb()
    server.start()
    yield server
    server.remove()


@dataclass
class Story:
    """What happened: the server died under two runners; one waited, one did not."""

    mariadb: MariaDb
    database: str
    patient: Project
    hasty: Project
    outputs: dict[str, Done]

    @property
    def place(self):
        return self.mariadb.server(self.database)

    def executions(self, runner, run_number=-1):
        """Returns the executions of a runner's run."""
        store = open_store(self.place, READ)
        run_id = runner.work_dir.run_ids()[run_number]
        context = store.get_context_by_type_and_name("pipeline_run", run_id)
        return store.get_executions_by_context(context.id)


@pytest.fixture(scope="module")
def password():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(PASSWORD_ENV, PASSWORD)
        patch.setitem(ENVIRONMENT, PASSWORD_ENV, PASSWORD)
        yield


def runner_of(folder, spans, mariadb, database, wait_s):
    """A machine's work folder with the same pipeline as the other's."""
    made = Project(folder)
    made.spans.symlink_to(spans)
    made.settings |= {
        "metadata.engine": "mysql",
        "metadata.host": "127.0.0.1",
        "metadata.port": mariadb.port,
        "metadata.database": database,
        "metadata.user": USER,
        "metadata.password_env": PASSWORD_ENV,
        "metadata.wait_s": wait_s,
    }
    return made


def wait_until_both_work(mariadb, database):
    query = (
        f"SELECT COUNT(*) FROM {database}.Execution "  # noqa: S608 - ours
        f"WHERE last_known_state = {pb.Execution.RUNNING}"
    )
    deadline = time.monotonic() + _PATIENCE_S
    while mariadb.sql(query) != [(2,)]:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def story(untouched, mariadb, tmp_path_factory, password):  # noqa: ARG001 - is set
    database = mariadb.new_database()
    prepare_server(mariadb.server(database))
    patient, hasty = (
        runner_of(
            tmp_path_factory.mktemp(name), untouched.spans, mariadb, database, wait_s
        )
        for name, wait_s in (("patient", 90), ("hasty", 1))
    )
    processes = {
        # The death may meet the moment in which something new is written.
        "patient": patient.start(SPLIT, ("run.retries", 1), options=UP_TO_STATISTICS),
        "hasty": hasty.start(SPLIT, options=UP_TO_STATISTICS),
    }
    wait_until_both_work(mariadb, database)
    mariadb.kill()
    outputs = {}
    for name in ("hasty", "patient"):
        output, _ = processes[name].communicate(timeout=_PATIENCE_S)
        outputs[name] = Done(processes[name].returncode, output)
        if name == "hasty":
            mariadb.start()
    return Story(mariadb, database, patient, hasty, outputs)


def test_runner_that_waits_finishes_when_the_server_is_back(story):
    done = story.outputs["patient"]
    assert done.returncode == 0, done.stdout
    states = [each.last_known_state for each in story.executions(story.patient)]
    assert states.count(pb.Execution.COMPLETE) == NUM_NODES
    assert UNFINISHED.isdisjoint(states)


def test_runner_that_does_not_wait_says_what_is_wrong(story):
    done = story.outputs["hasty"]
    assert done.returncode == 1, done.stdout
    assert "does not answer: Can't connect to MySQL server" in done.stdout


def test_next_run_concludes_what_was_left_open(story):
    left = story.executions(story.hasty)
    assert [each.last_known_state for each in left] == [pb.Execution.RUNNING]
    done = story.hasty.run_command(SPLIT, options=("--to", "example_gen"))
    assert done.returncode == 0, done.stdout
    before = story.executions(story.hasty, run_number=0)
    assert [each.last_known_state for each in before] == [pb.Execution.FAILED]


def test_runners_have_each_their_own_artifacts_in_one_store(story):
    store = open_store(story.place, READ)
    context = store.get_context_by_type_and_name("pipeline", "flights")
    uris = [each.uri for each in store.get_artifacts_by_context(context.id)]
    for runner in (story.patient, story.hasty):
        own = [uri for uri in uris if Path(uri).is_relative_to(runner.folder)]
        assert own
        assert all(Path(uri).exists() for uri in own)
    assert len(set(uris)) == len(uris)


def test_password_is_in_no_file_and_no_output(story):
    for runner in (story.patient, story.hasty):
        files = [path for path in runner.work_dir.path.rglob("*") if path.is_file()]
        assert len(files) > 10
        assert not [path for path in files if PASSWORD.encode() in path.read_bytes()]
    assert all(PASSWORD not in done.stdout for done in story.outputs.values())


def test_run_that_begins_without_a_server_does_not_wait(story):
    story.mariadb.kill()
    began = time.monotonic()
    with pytest.raises(MetadataUnavailableError, match="does not answer"):
        story.patient.run(SPLIT)
    assert time.monotonic() - began < 10

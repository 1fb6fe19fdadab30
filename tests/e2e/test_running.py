"""How a run goes on: reruns of a part, two at once, failures, interruption, death.

All tests share the project's work folder, and leave it so that the next run works.
"""

import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from pipeline.selection import Selection
from tests.e2e.project import SPLIT

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("first_run")]


def test_edited_function_reruns_what_it_concerns(project, tmp_path, monkeypatch):
    module = tmp_path / "edited_case.py"
    module.write_text(
        "from models.flights.trainer import run_fn as train\n\n\n"
        "def run_fn(fn_args):\n    train(fn_args)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    changes = (
        SPLIT,
        ("train.run_fn", "edited_case.run_fn"),
        ("train.max_epochs", 1),
    )
    to_trainer = Selection(last="trainer")
    project.run(*changes, selection=to_trainer)
    assert project.states()["trainer"] == "done"
    assert "evaluator" not in project.states()
    os.utime(module)
    project.run(*changes, selection=to_trainer)
    assert project.states()["trainer"] == "cached"

    with module.open("a") as file:
        file.write("    raise OSError('the new line ran')\n")
    done = project.run(*changes, selection=to_trainer)
    assert done.returncode == 1
    assert "trainer: the new line ran" in done.stdout
    assert project.states()["transform"] == "cached"
    assert "trainer ran because edited_case.py changed, content" in project.why(
        "trainer"
    )


def test_lost_artifact_is_made_again_by_its_node_alone(project):
    project.run(SPLIT)
    uri = project.last_run().node("evaluator").output("evaluation").uri
    shutil.rmtree(uri)

    done = project.run(SPLIT, selection=Selection(first="evaluator", last="evaluator"))

    assert done.returncode == 0, done.stdout
    assert project.why("evaluator").endswith(f"{uri}, is gone.")
    states = project.states()
    assert states.pop("evaluator") == states.pop("baseline_resolver") == "done"
    assert set(states.values()) == {"reused"}
    assert "pusher" not in states
    assert project.last_run().state == "partial"
    assert project.unfinished() == []


def test_two_runs_at_once_both_end_well(project):
    part = ["--to", "example_validator", "--no-cache"]
    before = {run.run_id for run in project.work_dir.list_runs()}
    both = [project.start(SPLIT, options=part) for _ in range(2)]
    outputs = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    runs = [run for run in project.work_dir.list_runs() if run.run_id not in before]
    assert [{node.state for node in run.nodes} for run in runs] == [{"done"}] * 2
    examples = [run.node("example_gen").output("examples") for run in runs]
    assert examples[0].uri != examples[1].uri
    assert examples[0].content_digest == examples[1].content_digest
    assert project.unfinished() == []


def test_node_that_takes_too_long_ends_the_run_with_exit_code_1(project):
    done = project.run(
        SPLIT,
        ("run.nodes", {"statistics_gen": {"timeout_s": 0.2}}),
        selection=Selection(first="statistics_gen", last="statistics_gen"),
        use_cache=False,
    )
    assert done.returncode == 1
    assert "it took longer than 0.2 s and was ended" in done.stdout
    assert project.states()["statistics_gen"] == "failed"
    assert project.unfinished() == []


def test_failing_node_is_tried_as_often_as_it_is_allowed(
    project, tmp_path, monkeypatch
):
    (tmp_path / "failing_case.py").write_text(
        "def run_fn(fn_args):\n    raise OSError('the file server is away')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    done = project.run(
        SPLIT,
        ("train.run_fn", "failing_case.run_fn"),
        ("run", {"retries": 1, "backoff_s": 0.1}),
        selection=Selection(last="trainer"),
    )
    assert done.returncode == 1
    assert "trainer: the file server is away (2 attempts)" in done.stdout
    assert project.last_run().node("trainer").attempts == 2
    assert project.unfinished() == []


def test_same_data_settings_and_seed_give_identical_metrics(project):
    project.run(SPLIT)
    before = project.last_run()
    done = project.run(
        SPLIT,
        selection=Selection(first="trainer", last="quality_gate"),
        use_cache=False,
    )
    assert done.returncode == 0, done.stdout
    assert project.states()["trainer"] == "done"
    assert _metrics(project.last_run()) == _metrics(before)


def test_interrupted_and_killed_runs_leave_nobody_and_the_next_one_tidies_up(project):
    only = ["--only", "transform", "--no-cache"]
    known = {run.run_id for run in project.work_dir.list_runs()}
    processes = [project.start(SPLIT, options=only) for _ in range(2)]
    interrupted, killed = processes
    _wait_for(lambda: len(project.work_dir.list_runs()) == len(known) + 2)
    runs = {
        run.pid: run.run_id
        for run in project.work_dir.list_runs()
        if run.run_id not in known
    }
    for process in processes:
        log = project.work_dir.log_path(runs[process.pid], "transform")
        # Its executor is at work: the driver and the store are behind it.
        _wait_for(lambda log=log: "Going to run a new execution" in log.read_text())
        assert process.poll() is None, process.stdout.read()

    os.killpg(interrupted.pid, signal.SIGINT)
    killed.kill()

    output, _ = interrupted.communicate(timeout=60)
    assert interrupted.returncode == 130, output
    assert "INTERRUPTED" in output
    record = project.work_dir.read(runs[interrupted.pid])
    node = record.node("transform")
    assert (node.state, node.why) == (
        "interrupted",
        "transform ran: its cache is off.",
    )
    killed.communicate(timeout=60)
    assert project.work_dir.read(runs[killed.pid]).is_abandoned()
    for process in processes:
        _wait_for(lambda pid=process.pid: not _processes_of_session(pid), timeout_s=30)

    done = project.run(
        SPLIT,
        selection=Selection(first="schema_gen", last="schema_gen"),
        use_cache=False,
    )

    assert done.returncode == 0, done.stdout
    concluded = project.work_dir.read(runs[killed.pid])
    assert (concluded.state, concluded.exit_code) == ("interrupted", 137)
    assert concluded.node("transform").state == "interrupted"
    assert project.unfinished() == []


def _metrics(record):
    uri = record.node("quality_gate").output("blessing").uri
    return json.loads((Path(uri) / "verdict.json").read_text())["model"]


def _wait_for(condition, timeout_s=240):
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except (IndexError, AttributeError, KeyError, FileNotFoundError):
            pass
        time.sleep(0.05)
    pytest.fail(f"nothing happened within {timeout_s} s")


def _status_fields():
    """Process id to (state, process group, session) of everything that runs."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        found[int(path.parent.name)] = (fields[0], int(fields[2]), int(fields[3]))
    return found


def _processes_of_session(session):
    return {
        pid
        for pid, (state, _, found) in _status_fields().items()
        if found == session and state != "Z"
    }

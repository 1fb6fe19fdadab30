"""A run's record survives writing and reading, and says when its run was killed."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from pipeline import run_record
from pipeline.run_pipeline import conclude
from pipeline.run_record import (
    ArtifactRecord,
    NodeFailure,
    NodeResult,
    RunRecord,
    WorkDir,
    new_run_id,
    process_start,
)


def record(*nodes, **values):
    return RunRecord(
        run_id=values.pop("run_id", "r1"),
        pipeline="flights",
        config_path="flights.yaml",
        settings={"seed": 1},
        nodes=list(nodes),
        **values,
    )


def node(node_id, output=None, failure=None, **properties):
    outputs = {}
    if output:
        outputs[output] = [
            ArtifactRecord(uri="/a", type_name="T", properties=properties)
        ]
    state = "failed" if failure else "done"
    return NodeResult(node_id=node_id, state=state, outputs=outputs, failure=failure)


def test_record_is_read_as_it_was_written(tmp_path):
    written = record(
        node("example_gen", "examples", rows=5),
        node("trainer", failure=NodeFailure(kind="E", message="no", exit_code=3)),
        pid=os.getpid(),
    )
    WorkDir(tmp_path).write(written)

    assert WorkDir(tmp_path).read("r1") == written
    assert [path.name for path in (tmp_path / "runs" / "r1").iterdir()] == ["run.json"]


def test_runs_are_listed_oldest_first(tmp_path):
    for run_id in ("20260102-000000-aa", "20260101-000000-bb"):
        WorkDir(tmp_path).write(record(run_id=run_id))
    assert [found.run_id for found in WorkDir(tmp_path).list_runs()] == [
        "20260101-000000-bb",
        "20260102-000000-aa",
    ]


def test_running_record_without_its_process_was_killed():
    assert record(pid=2**22 + 1).is_abandoned()
    assert not record(pid=os.getpid()).is_abandoned()
    assert not record(pid=2**22 + 1, state=run_record.PUSHED).is_abandoned()


def test_run_ids_sort_by_time_and_differ():
    moments = [
        datetime(2026, 11, 20, 10, 45, 12, microsecond, tzinfo=UTC)
        for microsecond in (0, 20, 40, 500_000, 999_999)
    ]
    ids = [new_run_id(moment) for moment in moments]
    assert ids == sorted(ids)
    assert ids[3].startswith("20261120-104512-8000")
    assert len({new_run_id(moments[0]) for _ in range(50)}) > 25


def test_process_is_alive_only_if_it_is_the_one_that_wrote_the_record():
    started = process_start(os.getpid())
    assert record(pid=os.getpid(), pid_started=started).is_alive()
    # The number was given to another process since.
    assert record(pid=os.getpid(), pid_started=started - 1).is_abandoned()


def test_ended_process_that_nobody_has_waited_for_is_gone():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert process_start(ended.pid) is None
    ended.wait()


def test_record_of_an_early_version_is_read(tmp_path):
    work_dir = WorkDir(tmp_path)
    work_dir.write(record(node("trainer", "model")))
    path = tmp_path / "runs" / "r1" / "run.json"
    values = json.loads(path.read_text())
    for name in ("pid_started", "selection", "exit_problems"):
        del values[name]
    for name in ("why", "details", "attempts", "started_s"):
        del values["nodes"][0][name]
    for name in ("artifact_id", "content_digest"):
        del values["nodes"][0]["outputs"]["model"][0][name]
    path.write_text(json.dumps(values))
    assert work_dir.read("r1") == record(node("trainer", "model"))


@pytest.mark.parametrize(
    ("nodes", "state", "exit_code", "reason"),
    [
        (
            [node("pusher", "pushed_model", pushed=1, version=3)],
            run_record.PUSHED,
            0,
            "pushed as version 3",
        ),
        (
            [node("pusher", "pushed_model", pushed=0, version=3, reason="same")],
            run_record.UNCHANGED,
            0,
            "nothing to push: same",
        ),
        (
            [
                node("serving_validator", "blessing", blessed=1),
                node("quality_gate", "blessing", blessed=0, verdict="auc is low"),
                node("pusher", "pushed_model", pushed=0, reason="not blessed"),
            ],
            run_record.NOT_BLESSED,
            4,
            "auc is low",
        ),
        (
            [
                node("serving_validator", "blessing", blessed=0, reason="no variable"),
                node("quality_gate", "blessing", blessed=1),
                node("pusher", "pushed_model", pushed=0, reason="not blessed"),
            ],
            run_record.NOT_BLESSED,
            4,
            "the model cannot be served: no variable",
        ),
        (
            [
                node(
                    "anomaly_gate",
                    failure=NodeFailure(kind="A", message="bad", exit_code=3),
                )
            ],
            run_record.STOPPED,
            3,
            "anomaly_gate: bad",
        ),
        (
            [node("trainer", failure=NodeFailure(kind="A", message="oops"))],
            run_record.FAILED,
            1,
            "trainer: oops",
        ),
        ([node("pusher")], run_record.NOT_BLESSED, 4, "no verdict"),
    ],
    ids=["pushed", "same", "quality", "serving", "anomaly", "failure", "nothing"],
)
def test_outcome_follows_from_the_nodes(nodes, state, exit_code, reason):
    finished = record(*nodes)
    conclude(finished)
    assert (finished.state, finished.exit_code) == (state, exit_code)
    assert reason in finished.reason


def test_unreadable_half_of_a_record_is_never_seen(tmp_path):
    work_dir = WorkDir(tmp_path)
    work_dir.write(record())
    path = tmp_path / "runs" / "r1" / "run.json"
    inode = path.stat().st_ino
    work_dir.write(record(state=run_record.FAILED))
    assert path.stat().st_ino != inode, "written in place"
    assert json.loads(path.read_text())["state"] == run_record.FAILED


def test_partial_run_without_the_pusher_is_done_and_one_with_it_is_judged():
    part = record(node("evaluator"), selection="--only evaluator")
    conclude(part)
    assert (part.state, part.exit_code) == (run_record.PARTIAL, 0)
    assert part.reason == (
        "--only evaluator: the pusher was left out, nothing was pushed"
    )
    rest = record(
        node("pusher", "pushed_model", pushed=1, version=3), selection="--from trainer"
    )
    conclude(rest)
    assert rest.state == run_record.PUSHED

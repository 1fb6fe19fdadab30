"""Whole runs of a small DAG: the real runner, cache and processes, without TFX."""

import itertools
import os
import shutil
import signal
import threading
import time
from multiprocessing import forkserver
from pathlib import Path

import pytest

from pipeline import source_digest
from pipeline.local_runner import (
    PublishError,
    RunInterruptedError,
    RunOptions,
    run_nodes,
)
from pipeline.node_processes import NodeProcesses
from pipeline.run_config import NodeRunConfig, RunConfig
from pipeline.run_record import RunRecord, WorkDir
from pipeline.run_values import RunValues
from pipeline.selection import Selection
from pipeline.settings_loader import ConfigError
from pipeline.source_digest import SourceSnapshot
from pipeline.why_command import sentence
from serving.bundle.contract import CodeRevision
from tests.pipeline.toy_dag import ToyDag

ROOT = Path(__file__).resolve().parents[2]
CODE = CodeRevision(commit=None, is_modified=None)


@pytest.fixture(autouse=True, scope="module")
def _fork_server_of_our_own():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        forkserver._forkserver._stop()
        yield
        forkserver._forkserver._stop()


class Listener:
    """Notes what it is told."""

    def __init__(self):
        self.nodes, self.started, self.ended = [], [], []

    def on_nodes(self, node_ids):
        self.nodes = node_ids

    def on_start(self, node_id):
        self.started.append(node_id)

    def on_tick(self):
        pass

    def on_end(self, result):
        self.ended.append(result)


class Toy:
    """A work folder and the runs in it."""

    def __init__(self, folder):
        self.work_dir = WorkDir(folder)
        self.numbers = itertools.count(1)
        self.listener = Listener()

    def run(self, dag=None, first=None, last=None, **settings) -> RunRecord:
        self.record = RunRecord(
            run_id=f"r{next(self.numbers)}",
            pipeline="toy",
            config_path="toy.yaml",
            settings={},
            pid=os.getpid(),
        )
        self.work_dir.write(self.record)
        self.listener = Listener()
        self.processes = NodeProcesses(
            self.work_dir.log_path(self.record.run_id, "start"),
            "tests.pipeline.toy_dag",
        )
        try:
            run_nodes(
                self.record,
                self.work_dir,
                self.processes,
                dag or ToyDag(),
                RunOptions(
                    settings=RunConfig(**{"backoff_s": 0.05} | settings),
                    values=RunValues(run_id=self.record.run_id, code=CODE),
                    sources=SourceSnapshot(self.work_dir.cache / "imports.json"),
                    selection=Selection(first=first, last=last),
                ),
                self.listener,
            )
        finally:
            self.record.state = "failed"
            self.work_dir.write(self.record)
        return self.record

    def states(self):
        return {node.node_id: node.state for node in self.record.nodes}

    def noted(self, name):
        path = self.work_dir.path / name
        return path.read_text().splitlines() if path.exists() else []

    def text(self, node_id="end"):
        uri = self.record.node(node_id).outputs["text"][0].uri
        return (Path(uri) / "Split-train" / "data").read_text()


@pytest.fixture
def toy(tmp_path):
    return Toy(tmp_path / "work")


def test_first_run_runs_everything_in_order_and_the_second_nothing(toy):
    toy.run()
    assert set(toy.states().values()) == {"done"}
    started = toy.noted("started")
    assert (started[0], set(started[1:3]), started[3]) == (
        "first",
        {"left", "right"},
        "end",
    )
    assert toy.text() == "firstleftfirstrightend"
    assert toy.listener.nodes == ["first", "left", "right", "end"]

    toy.run()
    assert set(toy.states().values()) == {"cached"}
    assert toy.text() == "firstleftfirstrightend"
    assert toy.noted("started") == started
    assert not toy.processes.is_started, "an unchanged run needs no libraries"
    assert sentence(toy.record, toy.record.node("end")).startswith(
        "end did not run: inputs, parameters, sources and libraries are those of run r1"
    )


def test_change_reruns_what_depends_on_it_and_hits_are_published_before(toy):
    toy.run()
    toy.run(ToyDag(texts={"left": "LEFT"}))
    assert toy.states() == {
        "first": "cached",
        "left": "done",
        "right": "cached",
        "end": "done",
    }
    assert toy.text() == "firstLEFTfirstrightend"
    assert [line.split()[0] for line in toy.noted("published")] == ["first", "right"]
    assert toy.record.node("left").why == (
        'left ran because parameter text changed from "left" to "LEFT", since run r1.'
    )


def test_node_that_writes_the_same_again_lets_what_follows_be_hits(toy):
    toy.run(ToyDag(texts={"first": "a", "left": "b"}))
    toy.run(
        ToyDag(texts={"first": "a", "left": "b"}, does={"first": "sleep"}),
    )
    assert toy.states()["first"] == "done"
    assert {toy.states()[name] for name in ("left", "right", "end")} == {"cached"}


def test_independent_nodes_work_side_by_side_or_one_at_a_time(toy):
    waits = {"left": "wait for latest/right", "right": "sleep"}
    toy.run(ToyDag(does=waits), max_parallel_nodes=2)
    assert set(toy.states().values()) == {"done"}
    alone = {"left": "sleep", "right": "sleep"}
    record = toy.run(ToyDag(does=alone), cache=False, max_parallel_nodes=1)
    first, second = sorted(
        (record.node(name) for name in ("left", "right")),
        key=lambda node: node.started_s,
    )
    assert second.started_s >= first.started_s + first.wall_s - 0.05


def test_failing_node_is_tried_again_while_an_independent_one_finishes(toy):
    dag = ToyDag(does={"left": "fail", "right": "sleep"})
    record = toy.run(dag, nodes={"left": NodeRunConfig(retries=1)})
    assert toy.states() == {
        "first": "done",
        "left": "failed",
        "right": "done",
        "end": "not run",
    }
    left = record.node("left")
    assert (left.attempts, left.failure.exit_code) == (2, 1)
    assert left.failure.message == "the network is gone (2 attempts)"
    assert sentence(record, record.node("end")) == (
        "end did not run: left failed before it, the network is gone (2 attempts)."
    )
    assert toy.noted("closed") == ["left"]

    # What ended well is not run again.
    toy.run(ToyDag(does={"right": "sleep"}))
    assert toy.states() == {
        "first": "cached",
        "left": "done",
        "right": "cached",
        "end": "done",
    }


def test_node_that_died_is_concluded_in_ml_metadata(toy):
    record = toy.run(ToyDag(does={"first": "die"}))
    assert record.node("first").failure.kind == "ProcessDied"
    assert toy.noted("closed") == ["first"]


def test_time_out_of_one_node_ends_it(toy):
    dag = ToyDag(does={"left": "wait for nothing"})
    record = toy.run(dag, nodes={"left": NodeRunConfig(timeout_s=0.5)})
    assert record.node("left").failure.kind == "NodeTimedOut"
    assert toy.states()["end"] == "not run"
    assert toy.noted("closed") == ["left"]


def test_interrupted_run_says_what_is_complete_and_why_the_rest_had_to_run(toy):
    dag = ToyDag(does={"left": "wait for nothing"})

    def press():
        while "left" not in toy.noted("started"):
            time.sleep(0.02)
        seen.append(toy.work_dir.read("r1").node("left"))
        os.kill(os.getpid(), signal.SIGINT)

    seen = []
    threading.Thread(target=press, daemon=True).start()
    with pytest.raises(RunInterruptedError):
        toy.run(dag)
    assert [(node.state, node.why[:8]) for node in seen] == [("running", "left ran")]
    assert toy.states()["first"] == "done"
    assert toy.states()["left"] == "interrupted"
    assert toy.states()["end"] == "not run"
    left = toy.work_dir.read("r1").node("left")
    assert sentence(toy.record, left) == (
        "left ran because no earlier result of it is kept."
    )


def test_edit_while_a_run_goes_on_is_told_and_the_result_not_kept(
    toy, tmp_path, monkeypatch
):
    module = tmp_path / "toy.py"  # the executor's module
    module.write_text("A = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    dag = ToyDag(does={"end": "wait for go"})

    def edit():
        while "end" not in toy.noted("started"):
            time.sleep(0.02)
        module.write_text("A = 2\n")
        (toy.work_dir.path / "go").touch()

    threading.Thread(target=edit, daemon=True).start()
    source_digest._own_roots.cache_clear()
    record = toy.run(dag)
    source_digest._own_roots.cache_clear()

    assert record.node("first").details == ()
    (detail,) = record.node("end").details
    assert detail == (
        "its result is not kept for later runs: toy.py was edited while the run went "
        "on."
    )


def test_only_takes_the_rest_from_an_earlier_run(toy):
    toy.run()
    record = toy.run(first="left", last="left", cache=False)
    assert toy.states() == {"first": "reused", "left": "done"}
    assert toy.listener.nodes == ["left"]
    assert sentence(record, record.node("left")) == "left ran: its cache is off."
    assert sentence(record, record.node("first")) == (
        "first was left out by --only left: its result of run r1 was taken as it is."
    )
    assert [line.split()[0] for line in toy.noted("published")] == ["first"]


def test_from_runs_what_follows_and_hits_stay_hits(toy):
    toy.run()
    toy.run(first="left")
    assert toy.states() == {
        "first": "reused",
        "left": "cached",
        "right": "reused",
        "end": "cached",
    }


def test_part_without_an_earlier_result_is_refused(toy):
    with pytest.raises(ConfigError, match=r"no earlier run has results of first, left"):
        toy.run(first="end")


@pytest.mark.parametrize("damage", ["gone", "changed"])
def test_part_whose_earlier_result_is_damaged_is_refused(toy, damage):
    uri = Path(toy.run().node("first").outputs["text"][0].uri)
    if damage == "gone":
        shutil.rmtree(uri)
    else:
        (uri / "Split-train" / "data").write_text("FIRST")
    message = (
        r"--only left needs what first wrote in run r1, but its output text of an "
        r"earlier run, .* is (gone|no longer what was written).*; run the whole"
    )
    with pytest.raises(ConfigError, match=message):
        toy.run(first="left", last="left")
    assert toy.noted("started").count("left") == 1


def test_unknown_node_in_the_settings_is_refused_with_the_nearest(toy):
    with pytest.raises(
        ConfigError,
        match=r"unknown setting run\.nodes\.rigth; .* Did you mean 'right'\?",
    ):
        toy.run(nodes={"rigth": NodeRunConfig(retries=1)})


def test_damaged_compiled_dag_is_compiled_anew(toy):
    toy.run()
    (path,) = (toy.work_dir.cache / "dags").glob("*.pb")
    for content in (b"", b"\xff\xff\xff"):
        path.write_bytes(content)
        toy.run()
        assert set(toy.states().values()) == {"cached"}


def test_dag_is_compiled_once_and_again_when_what_it_is_made_of_changes(toy):
    toy.run()
    (path,) = (toy.work_dir.cache / "dags").glob("*.pb")
    os.utime(path, (0, 0))
    toy.run(ToyDag(config={"run": {"retries": 3}}), retries=3)
    assert list((toy.work_dir.cache / "dags").glob("*.pb")) == [path]
    assert path.stat().st_mtime > 0, "gc takes it for used long ago"
    toy.run(ToyDag(texts={"end": "END"}))
    assert len(list((toy.work_dir.cache / "dags").glob("*.pb"))) == 2


def test_store_that_cannot_be_told_ends_the_run(toy, monkeypatch):
    toy.run()
    monkeypatch.setattr(
        NodeProcesses, "start", _failing_publication(NodeProcesses.start)
    )
    with pytest.raises(PublishError, match="database is locked"):
        toy.run(ToyDag(texts={"left": "LEFT"}))
    assert "left" not in toy.noted("started")[4:]


def test_run_that_cannot_go_on_ends_the_nodes_at_work(toy, monkeypatch):
    flow = {"slow": (), "hit": (), "after": ("hit",)}
    toy.run(ToyDag(flow=flow))
    monkeypatch.setattr(
        NodeProcesses, "start", _failing_publication(NodeProcesses.start)
    )
    began = time.monotonic()
    with pytest.raises(PublishError, match="database is locked"):
        toy.run(
            ToyDag(
                flow=flow, does={"slow": "wait for nothing"}, texts={"after": "AFTER"}
            )
        )
    assert time.monotonic() - began < 20
    assert toy.states() == {
        "slow": "interrupted",
        "hit": "cached",
        "after": "not run",
        "load_libraries": "failed",
    }


def _failing_publication(start):
    def started(self, target, *arguments, **options):
        if target != "publish_hits":
            return start(self, target, *arguments, **options)
        return start(self, "refuse", *arguments, **options)

    return started

"""What nothing needs any more goes; what the next run or a served model needs stays."""

import os
import shutil
from pathlib import Path

import pytest

from pipeline import garbage as garbage_module
from pipeline.garbage import find_garbage, remove
from pipeline.node_cache.entries import CacheEntries, CacheEntry
from pipeline.run_record import NodeResult, RunRecord, WorkDir
from serving.versions.ledger import Author
from serving.versions.model_folder import list_versions
from serving.versions.promotion import record_push
from tests.pipeline.node_cache.workbench import Workbench, key
from tests.serving.versions.paper_bundle import write_paper_bundle


class Shop:
    """Runs on paper: each writes examples and a model, or reuses examples."""

    def __init__(self, folder):
        self.bench = Workbench(folder / "work")
        self.work_dir = self.bench.work_dir
        self.model_dir = folder / "models" / "rides"
        self.entries = CacheEntries(self.work_dir.cache / "nodes")
        self.made = {}

    def run(self, run_id, *, examples_of=None, blessed=0):
        examples = (
            self.made[examples_of]["examples"]
            if examples_of
            else self.bench.artifact("example_gen", "examples", f"rows {run_id}")
        )
        model = self.bench.artifact("trainer", "model", f"w {run_id}", "Model")
        blessing = self.bench.artifact(
            "quality_gate",
            "blessing",
            "v",
            "ModelBlessing",
            blessed=blessed,
            current_model_id=model.artifact_id,
        )
        self.made[run_id] = made = {
            "examples": examples,
            "model": model,
            "blessing": blessing,
        }
        nodes = {
            "example_gen": {"examples": [examples]},
            "trainer": {"model": [model]},
            "quality_gate": {"blessing": [blessing]},
        }
        for node_id, outputs in nodes.items():
            parts = {"parameters": {"run": examples_of or run_id}}
            self.entries.put(
                CacheEntry(
                    node_id=node_id, key=key(**parts), run_id=run_id, outputs=outputs
                )
            )
        self.work_dir.write(
            RunRecord(
                run_id=run_id,
                pipeline="rides",
                config_path="rides.yaml",
                settings={},
                state="pushed",
                nodes=[
                    NodeResult(node_id=node_id, state="done", outputs=outputs)
                    for node_id, outputs in nodes.items()
                ],
            )
        )
        log = self.work_dir.log_path(run_id, "trainer")
        log.parent.mkdir(parents=True)
        log.write_text("epoch 1\n")
        return made

    def push(self, run_id, version):
        beside = self.model_dir / f".pushing-{version}"
        write_paper_bundle(beside, version, run_id=run_id)
        record_push(
            self.model_dir, beside, version, author=Author(who=run_id, reason="good")
        )

    def find(self, keep_last=1, keep_deployed=True, work_dir=None):
        return find_garbage(
            work_dir or self.work_dir,
            self.model_dir,
            keep_last=keep_last,
            keep_deployed=keep_deployed,
        )

    def there(self):
        """Run to the kinds of artifacts that are still there."""
        return {
            run_id: "".join(
                name[0] for name, found in made.items() if Path(found.uri).exists()
            )
            for run_id, made in self.made.items()
        }

    def runs(self):
        return [record.run_id for record in self.work_dir.list_runs()]


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path)


def test_newest_runs_and_what_they_reuse_stay(shop):
    shop.run("r1")
    shop.run("r2", examples_of="r1")
    shop.run("r3", examples_of="r1")
    found = shop.find()
    assert found.kept_runs == {"r3": "one of the newest"}
    assert [record.run_id for record in found.runs] == ["r1", "r2"]
    assert found.num_bytes > 0

    remove(shop.work_dir, found)

    assert shop.runs() == ["r3"]
    assert shop.there() == {"r1": "e", "r2": "e", "r3": "emb"}
    # What is left in the cache names nothing that is gone.
    for entry in shop.entries.list():
        for artifacts in entry.outputs.values():
            assert all(Path(artifact.uri).exists() for artifact in artifacts)
    assert not shop.work_dir.run_dir("r1").exists()
    assert shop.find().folders == ()


def test_runs_behind_the_models_versions_stay_unless_it_is_said(shop):
    for number in (1, 2, 3):
        shop.run(f"r{number}")
    shop.push("r1", 1)
    found = shop.find()
    assert found.kept_runs == {"r1": "made version 1", "r3": "one of the newest"}
    assert set(shop.find(keep_deployed=False).kept_runs) == {"r3"}
    remove(shop.work_dir, found)
    assert shop.there() == {"r1": "emb", "r2": "", "r3": "emb"}
    assert list_versions(shop.model_dir) == [1]


def test_newest_blessed_model_stays_as_the_next_ones_baseline(shop):
    for number, blessed in ((1, 1), (2, 1), (3, 0), (4, 0)):
        shop.run(f"r{number}", blessed=blessed)
    remove(shop.work_dir, shop.find(keep_deployed=False))
    assert shop.there() == {"r1": "", "r2": "mb", "r3": "", "r4": "emb"}


def test_removed_artifacts_are_marked_in_ml_metadata(shop):
    gone, stays = shop.run("r1"), shop.run("r2")
    remove(shop.work_dir, shop.find())
    states = {
        artifact.uri: artifact.state for artifact in shop.bench.store.get_artifacts()
    }
    kinds = type(shop.bench.store.get_artifacts()[0])
    assert states[gone["model"].uri] == kinds.DELETED
    assert states[stays["model"].uri] == kinds.LIVE


def test_looking_removes_nothing(shop):
    shop.run("r1")
    shop.run("r2")
    before = sorted(shop.work_dir.path.rglob("*"))
    assert shop.find().folders
    assert sorted(shop.work_dir.path.rglob("*")) == before


def test_what_a_killed_node_left_goes(shop):
    shop.run("r1")
    left = shop.work_dir.artifacts / "transform" / "transform_graph" / "77"
    left.mkdir(parents=True)
    kept = shop.work_dir.artifacts / "transform" / ".system" / "state"
    kept.mkdir(parents=True)
    found = shop.find()
    assert found.folders == (left,)
    remove(shop.work_dir, found)
    assert not left.exists()
    assert kept.exists()


@pytest.mark.parametrize("num_calls", range(1, 9))
def test_removal_that_was_killed_is_finished_by_the_next(shop, monkeypatch, num_calls):
    for number in (1, 2, 3):
        shop.run(f"r{number}")

    class KilledError(BaseException):
        pass

    real, calls = shutil.rmtree, []

    def rmtree(folder):
        calls.append(folder)
        if len(calls) == num_calls:
            # In the middle of a folder, whose record happened to come first.
            for path in [*folder.glob("run.json"), *folder.glob("notes.json")]:
                path.unlink()
            raise KilledError
        real(folder)

    with monkeypatch.context() as patch:
        patch.setattr(garbage_module.shutil, "rmtree", rmtree)
        with pytest.raises(KilledError):
            remove(shop.work_dir, shop.find())
    for entry in shop.entries.list():
        assert entry.run_id == "r3", "it names what may be gone"

    remove(shop.work_dir, shop.find())

    assert shop.there() == {"r1": "", "r2": "", "r3": "emb"}
    assert [path.name for path in (shop.work_dir.path / "runs").iterdir()] == ["r3"]


@pytest.mark.parametrize(("run_in", "removed_from"), [("a", "b"), ("b", "a")])
def test_work_folder_under_another_name_keeps_what_it_needs(
    tmp_path, run_in, removed_from
):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").symlink_to(tmp_path / "a")
    shop = Shop(tmp_path / run_in)
    shop.run("r1")
    shop.run("r2")
    work_dir = WorkDir(tmp_path / removed_from / "work")
    remove(work_dir, shop.find(work_dir=work_dir))
    assert shop.there() == {"r1": "", "r2": "emb"}
    assert [entry.run_id for entry in shop.entries.list()] == ["r2"] * 3


def test_compiled_dags_that_were_not_used_lately_go(shop):
    shop.run("r1")
    folder = shop.work_dir.cache / "dags"
    folder.mkdir()
    for number in (1, 2, 3):
        (folder / f"{number}.pb").write_text("")
        os.utime(folder / f"{number}.pb", (number, number))
    remove(shop.work_dir, shop.find(keep_last=2))
    assert sorted(path.name for path in folder.iterdir()) == ["2.pb", "3.pb"]


def test_work_folder_without_runs_has_no_garbage(tmp_path):
    found = find_garbage(
        WorkDir(tmp_path / "work"), tmp_path / "m", keep_last=1, keep_deployed=True
    )
    assert (found.folders, found.runs, found.num_bytes) == ((), (), 0)
    remove(WorkDir(tmp_path / "work"), found)

"""A node is answered from the cache only with what is there and whole."""

import os
import shutil
from pathlib import Path

import pytest

from pipeline.node_cache.decide import decide
from pipeline.node_cache.entries import CacheEntries, CacheEntry
from pipeline.node_cache.known_uris import known_uris
from tests.pipeline.node_cache.workbench import key, sha


@pytest.fixture
def entries(bench) -> CacheEntries:
    return CacheEntries(bench.work_dir.cache / "nodes")


@pytest.fixture
def kept(bench, entries) -> CacheEntry:
    """The trainer's result of run r1."""
    entry = CacheEntry(
        node_id="trainer",
        key=key(),
        run_id="r1",
        outputs={
            "model": [bench.artifact("trainer", "model", "w" * 2**20, "Model")],
            "model_run": [bench.artifact("trainer", "model_run", "log", "ModelRun")],
        },
    )
    entries.put(entry)
    return entry


@pytest.fixture
def decided(bench, entries):
    def decided(made=None, **options):
        return decide(
            "trainer",
            made or key(),
            entries,
            metadata=bench.work_dir.metadata,
            **options,
        )

    return decided


def test_same_key_is_answered_with_what_was_written(kept, decided):
    decision = decided()
    assert decision.outputs == kept.outputs
    assert decision.why == (
        "trainer did not run: inputs, parameters, sources and libraries are those of "
        "run r1, and what it wrote is there and whole (1.0 MiB)."
    )


def test_node_without_an_earlier_result_runs(decided):
    decision = decided()
    assert decision.outputs is None
    assert decision.why == "trainer ran because no earlier result of it is kept."


@pytest.mark.usefixtures("kept")
def test_node_whose_cache_is_off_runs(decided):
    decision = decided(may_reuse=False)
    assert (decision.outputs, decision.why) == (None, "trainer ran: its cache is off.")


def test_lost_artifact_reruns_its_node(kept, decided):
    uri = kept.outputs["model_run"][0].uri
    shutil.rmtree(uri)
    decision = decided()
    assert decision.outputs is None
    assert decision.why == (
        f"trainer ran because its output model_run of an earlier run, {uri}, is gone."
    )


def test_byte_of_equal_size_and_time_reruns_the_node_that_wrote_it(kept, decided):
    artifact = kept.outputs["model"][0]
    path = Path(artifact.uri) / "Split-train" / "data"
    status = path.stat()
    content = bytearray(path.read_bytes())
    content[2**19] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_mtime_ns == status.st_mtime_ns
    assert path.stat().st_size == status.st_size

    decision = decided()

    assert decision.outputs is None
    assert f"{artifact.uri}, is no longer what was written" in decision.why
    assert f"content {artifact.content_digest[:8]} to " in decision.why


@pytest.mark.usefixtures("kept")
def test_artifact_that_ml_metadata_does_not_know_reruns_its_node(bench, decided):
    """Somebody removed the store: the same ids are other artifacts by now."""
    bench.work_dir.metadata_path.unlink()
    bench.begin_store()
    bench.artifact("example_gen", "examples", "other")
    bench.artifact("example_gen", "examples", "another")
    decision = decided()
    assert decision.outputs is None
    assert f"is not in {bench.work_dir.metadata_path}." in decision.why

    bench.work_dir.metadata_path.unlink()
    assert decided().outputs is None
    bench.work_dir.metadata_path.write_text("no database")
    assert decided().outputs is None


def test_store_knows_each_artifact_by_its_folder(bench):
    made = [bench.artifact("trainer", "model", text) for text in "ab"]
    ids = [artifact.artifact_id for artifact in made]
    assert known_uris(bench.work_dir.metadata_path, [*ids, 0, 99]) == {
        artifact.artifact_id: artifact.uri for artifact in made
    }
    assert known_uris(bench.work_dir.metadata_path, []) == {}


def test_changed_key_is_compared_with_the_newest_result(entries, kept, decided):
    edited = {"models/flights/model.py": sha("edited")}
    newest = CacheEntry(
        node_id="trainer", key=key(sources=edited), run_id="r2", outputs=kept.outputs
    )
    entries.put(newest)
    changed = key(sources=edited, libraries={"tensorflow": "2.22.0"})

    assert decided(changed).why == (
        "trainer ran because library tensorflow changed from 2.21.0 to 2.22.0, since "
        "run r2."
    )

    # Used again, the first is the newest.
    assert decided(key()).outputs is not None
    decision = decided(changed)
    assert decision.why == (
        "trainer ran because models/flights/model.py changed, content "
        f"{sha('model')[:8]} to {sha('edited')[:8]}, since run r1 (and 1 more)."
    )
    assert decision.details == ("library tensorflow changed from 2.21.0 to 2.22.0",)

"""Results are kept whole or not at all, and found by their key."""

import json
import shutil

import pytest

from pipeline.node_cache.entries import CacheEntries, CacheEntry
from pipeline.run_record import ArtifactRecord
from tests.pipeline.node_cache.workbench import key


@pytest.fixture
def entries(tmp_path) -> CacheEntries:
    return CacheEntries(tmp_path / "nodes")


def entry(run_id="r1", node_id="trainer", **parts) -> CacheEntry:
    return CacheEntry(
        node_id=node_id,
        key=key(**parts),
        run_id=run_id,
        outputs={
            "model": [
                ArtifactRecord(
                    uri="/w/artifacts/trainer/model/5",
                    type_name="Model",
                    properties={"rows": 5, "share": 0.5, "verdict": "ja, größer"},
                    artifact_id=5,
                    content_digest="ab",
                )
            ],
            "nothing": [],
        },
    )


def test_entry_is_read_as_it_was_written(entries, tmp_path):
    written = entry()
    entries.put(written)
    assert entries.find("trainer", key()) == written
    assert [path.name for path in (tmp_path / "nodes" / "trainer").iterdir()] == [
        f"{key().digest}.json"
    ]


def test_other_key_and_other_node_are_not_found(entries):
    entries.put(entry())
    assert entries.find("trainer", key(executor="other")) is None
    assert entries.find("tuner", key()) is None
    assert CacheEntries(entries._folder / "absent").list() == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda _text: "",
        lambda text: text[: len(text) // 2],
        lambda _text: "[]",
        lambda _text: "5",
        lambda text: text.replace('"format_version": 1', '"format_version": 2'),
        lambda text: text.replace('"run_id"', '"ran_id"'),
        lambda text: text.replace('"uri"', '"url"'),
        lambda text: json.dumps(json.loads(text) | {"key": None}),
        lambda text: json.dumps(json.loads(text) | {"outputs": [1]}),
    ],
)
def test_damaged_entry_is_not_there_and_is_written_anew(entries, damage):
    entries.put(entry())
    path = entries._path("trainer", key())
    path.write_text(damage(path.read_text()))

    assert entries.find("trainer", key()) is None
    assert entries.newest("trainer") is None

    entries.put(entry(run_id="r2"))
    assert entries.find("trainer", key()).run_id == "r2"


def test_bytes_that_are_no_text_are_not_there(entries):
    entries.put(entry())
    entries._path("trainer", key()).write_bytes(b"\xff\xfe{}")
    assert entries.list() == []


def test_half_of_an_entry_is_never_seen(entries):
    entries.put(entry())
    path = entries._path("trainer", key())
    before = path.open()
    entries.put(entry(run_id="r2"))
    with before:
        assert json.load(before)["run_id"] == "r1", "written in place"
    assert json.loads(path.read_text())["run_id"] == "r2"


def test_newest_is_what_was_written_or_used_last(entries):
    first, second = entry(executor="first"), entry(run_id="r2")
    entries.put(first)
    entries.put(second)
    assert entries.newest("trainer").run_id == "r2"
    entries.mark_used(first)
    assert entries.newest("trainer").run_id == "r1"


def test_removed_entry_is_gone_and_removing_it_again_is_no_error(entries):
    entries.put(entry())
    entries.put(entry(node_id="tuner"))
    for _ in range(2):
        entries.remove(entry())
    assert [found.node_id for found in entries.list()] == ["tuner"]


def test_folder_that_is_gone_is_made_again(entries, tmp_path):
    entries.put(entry())
    shutil.rmtree(tmp_path / "nodes")
    entries.put(entry())
    assert entries.find("trainer", key()) is not None

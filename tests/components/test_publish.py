"""A push is one atomic step, or none."""

import json
from pathlib import Path

import pytest

from components.model_pusher import publish as publish_module
from components.model_pusher.publish import (
    PushError,
    list_versions,
    model_digest,
    publish,
)


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "variables.index").write_bytes(b"weights")
    return folder


def test_first_version_is_one_and_later_ones_count_up(model, tmp_path):
    base = tmp_path / "served" / "flights"
    first = publish(model, base, run_id="r1")
    (model / "saved_model.pb").write_bytes(b"another graph")
    second = publish(model, base, run_id="r2")

    assert (first.version, second.version) == (1, 2)
    assert list_versions(base) == [1, 2]
    assert (second.path / "saved_model.pb").read_bytes() == b"another graph"
    record = json.loads((second.path / "assets.extra" / "push.json").read_text())
    assert record["run_id"] == "r2"
    assert record["version"] == 2
    assert record["model_digest"] == model_digest(model)


def test_same_model_is_not_pushed_twice(model, tmp_path):
    publish(model, tmp_path / "base", run_id="r1")
    again = publish(model, tmp_path / "base", run_id="r2")

    assert not again.is_new
    assert again.version == 1
    assert list_versions(tmp_path / "base") == [1]


def test_damaged_version_is_not_taken_for_the_same_model(model, tmp_path):
    first = publish(model, tmp_path / "base", run_id="r1")
    (first.path / "variables" / "variables.index").write_bytes(b"weightz")

    assert publish(model, tmp_path / "base", run_id="r2").version == 2


def test_version_after_a_gap_is_above_the_highest(model, tmp_path):
    (tmp_path / "base" / "7").mkdir(parents=True)
    assert publish(model, tmp_path / "base", run_id="r").version == 8


def test_collision_fails_and_leaves_the_other_version_alone(
    model, tmp_path, monkeypatch
):
    base = tmp_path / "base"

    def another_pusher_wins(_folder):
        (base / "1").mkdir()
        (base / "1" / "saved_model.pb").write_bytes(b"theirs")

    monkeypatch.setattr(publish_module, "_sync", another_pusher_wins)
    with pytest.raises(PushError, match=r"version 1 appeared in .* nothing was pushed"):
        publish(model, base, run_id="r")

    assert [entry.name for entry in base.iterdir()] == ["1"]
    assert (base / "1" / "saved_model.pb").read_bytes() == b"theirs"


def test_crash_while_copying_leaves_nothing_that_looks_like_a_version(
    model, tmp_path, monkeypatch
):
    def full_disk(_source, target):
        Path(target).mkdir(parents=True)
        (Path(target) / "saved_model.pb").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(publish_module.shutil, "copytree", full_disk)
    with pytest.raises(PushError, match="No space left on device; nothing was pushed"):
        publish(model, tmp_path / "base", run_id="r")

    assert list((tmp_path / "base").iterdir()) == []


def test_folders_that_are_no_versions_do_not_count(tmp_path):
    for name in ("3", "003x", ".pushing-4-ab", "notes"):
        (tmp_path / name).mkdir()
    (tmp_path / "9").touch()
    assert list_versions(tmp_path) == [3]
    assert list_versions(tmp_path / "absent") == []

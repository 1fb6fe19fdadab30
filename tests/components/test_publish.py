"""A push is one atomic step, or none."""

import dataclasses
import os
import time
from pathlib import Path

import pytest

from components.model_pusher import publish as publish_module
from components.model_pusher.publish import PushError, publish
from serving.bundle import layout
from serving.bundle.contract import read_contract
from serving.bundle.errors import BundleRefusedError
from serving.bundle.layout import model_digest
from serving.bundle.seal import seal
from serving.versions.ledger import Author, read_ledger
from serving.versions.model_folder import list_versions
from serving.versions.promotion import rollback
from tests.serving.tiny_bundle import build_tiny_bundle

AUTHOR = Author(who="run 7", reason="all bounds met")


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "variables.index").write_bytes(b"weights")
    return folder


@pytest.fixture(scope="module")
def contract(tmp_path_factory):
    bundle = build_tiny_bundle(tmp_path_factory.mktemp("models") / "rides" / "1")
    return read_contract(bundle).contract


@pytest.fixture
def assemble(contract):
    """Writes a contract and nothing else: what is tested here is the folder."""

    def write_contract(folder, version):
        model = dataclasses.replace(contract.model, version=version)
        seal(folder, dataclasses.replace(contract, model=model))

    return write_contract


def refuse(_folder, _version):
    raise BundleRefusedError("golden_batch", "the answers are others.")


def test_first_version_is_one_and_later_ones_count_up(model, tmp_path, assemble):
    base = tmp_path / "served" / "flights"
    first = publish(model, base, assemble, AUTHOR)
    (model / "saved_model.pb").write_bytes(b"another graph")
    second = publish(model, base, assemble, AUTHOR)

    assert (first.version, second.version) == (1, 2)
    assert list_versions(base) == [1, 2]
    assert (second.path / "saved_model.pb").read_bytes() == b"another graph"
    contract = read_contract(second.path).contract
    assert contract.model.version == 2
    assert contract.model.model_digest == model_digest(model)


def test_same_model_is_not_pushed_twice(model, tmp_path, assemble):
    publish(model, tmp_path / "base", assemble, AUTHOR)
    again = publish(model, tmp_path / "base", assemble, AUTHOR)

    assert not again.is_new
    assert again.version == 1
    assert list_versions(tmp_path / "base") == [1]


@pytest.mark.parametrize("damaged", ["variables/variables.index", layout.CONTRACT])
def test_damaged_version_is_not_taken_for_the_same_model(
    model, tmp_path, damaged, assemble
):
    first = publish(model, tmp_path / "base", assemble, AUTHOR)
    (first.path / damaged).write_bytes(b"weightz")

    assert publish(model, tmp_path / "base", assemble, AUTHOR).version == 2


def test_bundle_that_is_refused_is_not_published(model, tmp_path, assemble):
    publish(model, tmp_path / "base", assemble, AUTHOR)
    (model / "saved_model.pb").write_bytes(b"another graph")
    with pytest.raises(BundleRefusedError, match="the answers are others"):
        publish(model, tmp_path / "base", refuse, AUTHOR)

    assert list_versions(tmp_path / "base") == [1]


def test_version_after_a_gap_is_above_the_highest(model, tmp_path, assemble):
    (tmp_path / "base" / "7").mkdir(parents=True)
    assert publish(model, tmp_path / "base", assemble, AUTHOR).version == 8


def test_collision_fails_and_leaves_the_other_version_alone(
    model, tmp_path, monkeypatch, assemble
):
    base = tmp_path / "base"

    def another_pusher_wins(_folder):
        (base / "1").mkdir()
        (base / "1" / "saved_model.pb").write_bytes(b"theirs")

    monkeypatch.setattr(publish_module, "_sync", another_pusher_wins)
    with pytest.raises(
        PushError, match=r"version 1 was given to another push meanwhile"
    ):
        publish(model, base, assemble, AUTHOR)

    assert sorted(entry.name for entry in base.iterdir()) == [".lock", "1"]
    assert (base / "1" / "saved_model.pb").read_bytes() == b"theirs"


def test_crash_while_copying_leaves_nothing_that_looks_like_a_version(
    model, tmp_path, monkeypatch, assemble
):
    def full_disk(_source, target):
        Path(target).mkdir(parents=True)
        (Path(target) / "saved_model.pb").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(publish_module.shutil, "copytree", full_disk)
    with pytest.raises(PushError, match="No space left on device; nothing was pushed"):
        publish(model, tmp_path / "base", assemble, AUTHOR)

    assert list((tmp_path / "base").iterdir()) == []


def test_model_that_was_rolled_back_is_not_pushed_again(model, tmp_path, assemble):
    base = tmp_path / "base"
    publish(model, base, assemble, AUTHOR)
    (model / "saved_model.pb").write_bytes(b"another graph")
    publish(model, base, assemble, AUTHOR)
    rollback(
        base, author=Author(who="ada", reason="late flights missed"), verify=lambda _: 0
    )

    again = publish(model, base, assemble, AUTHOR)

    assert not again.is_new
    assert again.reason == (
        "version 2 is this model already, and it is held back; slipway promote 2 "
        "serves it"
    )
    assert list_versions(base) == [1]


def test_push_is_in_the_ledger(model, tmp_path, assemble):
    pushed = publish(model, tmp_path / "base", assemble, AUTHOR)
    entry = read_ledger(tmp_path / "base").last

    assert (entry.action, entry.from_version, entry.to_version) == ("push", None, 1)
    assert (entry.who, entry.reason) == ("run 7", "all bounds met")
    assert entry.bundle_digest == read_contract(pushed.path).digest


def test_what_a_killed_push_left_is_removed_later(model, tmp_path, assemble):
    base = tmp_path / "base"
    for name in (".pushing-1-old", ".pushing-1-new"):
        (base / name).mkdir(parents=True)
    hours_ago = time.time() - 2 * publish_module.STALE_AFTER_S
    os.utime(base / ".pushing-1-old", (hours_ago, hours_ago))

    publish(model, base, assemble, AUTHOR)

    assert [entry.name for entry in base.glob(".pushing-*")] == [".pushing-1-new"]


def test_candidate_is_published_in_held_and_only_once(model, tmp_path, assemble):
    base = tmp_path / "base"
    publish(model, base, assemble, AUTHOR)
    (model / "saved_model.pb").write_bytes(b"another graph")
    held = publish(model, base, assemble, AUTHOR, is_held=True)
    again = publish(model, base, assemble, AUTHOR, is_held=True)

    assert (held.version, held.path, held.is_new) == (2, base / "held" / "2", True)
    assert list_versions(base) == [1]
    assert read_contract(held.path).contract.model.version == 2
    assert (again.is_new, again.path) == (False, held.path)
    assert "it is held back; slipway promote 2 serves it" in again.reason

"""A push is one atomic step, or none."""

import dataclasses
from pathlib import Path

import pytest

from components.model_pusher import publish as publish_module
from components.model_pusher.publish import (
    PushError,
    list_versions,
    model_digest,
    publish,
)
from serving.bundle import layout
from serving.bundle.contract import read_contract
from serving.bundle.errors import BundleRefusedError
from serving.bundle.seal import seal
from tests.serving.tiny_bundle import build_tiny_bundle


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
    first = publish(model, base, assemble)
    (model / "saved_model.pb").write_bytes(b"another graph")
    second = publish(model, base, assemble)

    assert (first.version, second.version) == (1, 2)
    assert list_versions(base) == [1, 2]
    assert (second.path / "saved_model.pb").read_bytes() == b"another graph"
    contract = read_contract(second.path).contract
    assert contract.model.version == 2
    assert contract.model.model_digest == model_digest(model)


def test_same_model_is_not_pushed_twice(model, tmp_path, assemble):
    publish(model, tmp_path / "base", assemble)
    again = publish(model, tmp_path / "base", assemble)

    assert not again.is_new
    assert again.version == 1
    assert list_versions(tmp_path / "base") == [1]


@pytest.mark.parametrize("damaged", ["variables/variables.index", layout.CONTRACT])
def test_damaged_version_is_not_taken_for_the_same_model(
    model, tmp_path, damaged, assemble
):
    first = publish(model, tmp_path / "base", assemble)
    (first.path / damaged).write_bytes(b"weightz")

    assert publish(model, tmp_path / "base", assemble).version == 2


def test_bundle_that_is_refused_is_not_published(model, tmp_path, assemble):
    publish(model, tmp_path / "base", assemble)
    (model / "saved_model.pb").write_bytes(b"another graph")
    with pytest.raises(BundleRefusedError, match="the answers are others"):
        publish(model, tmp_path / "base", refuse)

    assert [entry.name for entry in (tmp_path / "base").iterdir()] == ["1"]


def test_version_after_a_gap_is_above_the_highest(model, tmp_path, assemble):
    (tmp_path / "base" / "7").mkdir(parents=True)
    assert publish(model, tmp_path / "base", assemble).version == 8


def test_collision_fails_and_leaves_the_other_version_alone(
    model, tmp_path, monkeypatch, assemble
):
    base = tmp_path / "base"

    def another_pusher_wins(_folder):
        (base / "1").mkdir()
        (base / "1" / "saved_model.pb").write_bytes(b"theirs")

    monkeypatch.setattr(publish_module, "_sync", another_pusher_wins)
    with pytest.raises(PushError, match=r"version 1 appeared in .* nothing was pushed"):
        publish(model, base, assemble)

    assert [entry.name for entry in base.iterdir()] == ["1"]
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
        publish(model, tmp_path / "base", assemble)

    assert list((tmp_path / "base").iterdir()) == []


def test_folders_that_are_no_versions_do_not_count(tmp_path):
    for name in ("3", "003x", ".pushing-4-ab", "notes"):
        (tmp_path / name).mkdir()
    (tmp_path / "9").touch()
    assert list_versions(tmp_path) == [3]
    assert list_versions(tmp_path / "absent") == []

"""No byte of a bundle can change unseen, and no file come, go or move."""

import json
import os

import numpy as np
import pytest

from serving.bundle import layout
from serving.bundle.verify import FILE_GUARDS, verify_bundle

FILES = (
    "assets.extra/contract.json",
    "assets.extra/golden_batch.json",
    "assets.extra/schema.pbtxt",
    "assets.extra/tf_serving_warmup_requests",
    "assets.extra/training_statistics.pb",
    "assets/carriers",
    "fingerprint.pb",
    "saved_model.pb",
    "variables/variables.data-00000-of-00001",
    "variables/variables.index",
)
POSITIONS_A_FILE = 64
SEED = 7


def check(bundle, guards=FILE_GUARDS):
    return verify_bundle(bundle, guards=guards)


def positions(name, size):
    """Returns first, last and as many others as fit, the same on every run."""
    if size <= POSITIONS_A_FILE:
        return range(size)
    inner = numbers(name).choice(size - 2, POSITIONS_A_FILE - 2, replace=False) + 1
    return sorted({0, size - 1, *inner.tolist()})


def numbers(name):
    return np.random.default_rng([SEED, *name.encode()])


def test_files_are_all_of_the_bundle(built_tiny_bundle):
    assert tuple(layout.list_files(built_tiny_bundle)) == FILES
    sizes = {name: (built_tiny_bundle / name).stat().st_size for name in FILES}
    counts = [len(positions(name, size)) for name, size in sizes.items()]
    assert sum(counts) >= 500
    assert min(counts) >= min(30, *sizes.values())
    assert check(built_tiny_bundle).is_ok


@pytest.mark.parametrize("name", FILES)
def test_changed_byte_is_refused(tiny_bundle, name):
    path = tiny_bundle / name
    sound = path.read_bytes()
    chance = numbers(name)
    for place in positions(name, len(sound)):
        for flip in (1 << int(chance.integers(8)), int(chance.integers(1, 256))):
            changed = bytearray(sound)
            changed[place] ^= flip
            path.write_bytes(changed)
            found = check(tiny_bundle)
            assert not found.is_ok, (place, flip)
            assert found.guard in ("files", "identity", "format"), found
            assert "could not be finished" not in found.reason
    path.write_bytes(sound)
    assert check(tiny_bundle).is_ok


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "change",
    [
        lambda text, place: text[:place] + b"\0" + text[place:],
        lambda text, place: text[:place] + text[place:][:1] + text[place:],
        lambda text, place: text[:place] + text[place + 1 :],
        lambda text, place: text[:place],
        lambda text, _place: text[:0],
        lambda text, _place: text + b"\n",
        lambda text, _place: text + text,
    ],
    ids=["inserted", "doubled", "cut out", "cut off", "empty", "longer", "twice"],
)
def test_inserted_or_lost_byte_is_refused(tiny_bundle, name, change):
    path = tiny_bundle / name
    sound = path.read_bytes()
    for place in (0, len(sound) // 2, len(sound) - 1):
        path.write_bytes(change(sound, place))
        assert not check(tiny_bundle).is_ok, place


def test_only_the_hashes_see_a_changed_statistic(tiny_bundle):
    path = tiny_bundle / layout.STATISTICS
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    without = [guard for guard in FILE_GUARDS if guard.__name__ != "files"]
    assert check(tiny_bundle).reason == (
        f"{layout.STATISTICS!r} was changed after the push: its SHA-256 is another. "
        "Copy the bundle again from where it was pushed."
    )
    assert check(tiny_bundle, without).is_ok


@pytest.mark.parametrize("name", FILES)
def test_removed_file_is_refused(tiny_bundle, name):
    (tiny_bundle / name).unlink()
    assert name in check(tiny_bundle).reason


@pytest.mark.parametrize("name", FILES)
def test_renamed_file_is_refused(tiny_bundle, name):
    (tiny_bundle / name).rename(tiny_bundle / f"{name}.bak")
    assert not check(tiny_bundle).is_ok


@pytest.mark.parametrize(
    "name", ["more.txt", "assets/more", "variables/more", "assets.extra/.hidden"]
)
def test_added_file_is_refused(tiny_bundle, name):
    (tiny_bundle / name).write_text("more")
    found = check(tiny_bundle)
    assert found.guard == "files"
    assert found.reason == (
        f"{name!r} is not in the contract: somebody added it after the push."
    )


@pytest.mark.parametrize("name", FILES)
def test_link_instead_of_a_file_is_refused(tiny_bundle, name):
    outside = tiny_bundle.parent / "outside"
    (tiny_bundle / name).rename(outside)
    (tiny_bundle / name).symlink_to(outside)
    found = check(tiny_bundle)
    assert found.guard in ("files", "identity")
    assert name in found.reason


def test_linked_folder_is_refused(tiny_bundle):
    (tiny_bundle / "assets").rename(tiny_bundle.parent / "outside")
    (tiny_bundle / "assets").symlink_to(tiny_bundle.parent / "outside")
    assert check(tiny_bundle).reason == (
        "'assets' is a link; a bundle holds regular files only."
    )


def test_two_files_that_changed_names_are_refused(tiny_bundle):
    left, right = tiny_bundle / FILES[5], tiny_bundle / FILES[6]
    texts = left.read_bytes(), right.read_bytes()
    left.write_bytes(texts[1])
    right.write_bytes(texts[0])
    assert check(tiny_bundle).guard == "files"


@pytest.mark.parametrize(
    "path",
    [
        "../1/saved_model.pb",
        "assets/../saved_model.pb",
        "/etc/passwd",
        "./saved_model.pb",
        "assets//carriers",
        "assets\\carriers",
        "assets/\u202ecarriers",
        "assets/a\nb",
        "",
        ".",
    ],
)
def test_path_that_leaves_the_bundle_is_refused(tiny_bundle, path, rewrite_contract):
    def change(document):
        document["files"][0]["path"] = path

    rewrite_contract(tiny_bundle, change)
    found = check(tiny_bundle)
    assert found.guard == "files"
    assert found.reason == (
        f"the contract names the path {path!r}, which leaves the bundle."
    )


def test_file_named_twice_is_refused(tiny_bundle, rewrite_contract):
    rewrite_contract(
        tiny_bundle, lambda document: document["files"].append(document["files"][0])
    )
    assert check(tiny_bundle).reason == "the contract names a file twice."


@pytest.mark.parametrize(
    ("name", "old"),
    [
        (layout.CONTRACT, b'"format_version": 2'),
        (layout.GOLDEN_BATCH, b'"format_version": 1'),
    ],
    ids=["contract", "golden batch"],
)
@pytest.mark.parametrize(
    ("new", "telling"),
    [
        (b'"format_version": 1,"format_version": 1', "twice"),
        (b'"format_version": NaN', "holds NaN"),
        (b'"format_version": -Infinity', "holds -Infinity"),
        (b'"format_version": 1e999', "too large a number"),
        (b'"format_version": ' + b"9" * 5000, "it is no JSON"),
        (b'"format_version": 01', "it is no JSON"),
        (b'"format_version": 1,', "it is no JSON"),
        (b'"\xff": 1', "it is no JSON"),
        (b'"a":' + b"[" * 200_000, "it is no JSON"),
    ],
    ids=[
        "name twice",
        "NaN",
        "Infinity",
        "1e999",
        "5,000 digits",
        "leading zero",
        "comma",
        "no UTF-8",
        "deep",
    ],
)
def test_what_is_no_plain_json_is_refused(
    tiny_bundle, reseal_bytes, name, old, new, telling
):
    path = tiny_bundle / name
    text = path.read_bytes()
    assert old in text
    path.write_bytes(text.replace(old, new, 1))
    reseal_bytes(tiny_bundle)
    found = check(tiny_bundle)
    assert not found.is_ok
    assert telling in found.reason


@pytest.mark.parametrize(
    "text",
    [b"", b"null", b"[]", b'"slipway-bundle"', b"{}", b"\xef\xbb\xbf{}", b"\0" * 100],
)
def test_what_is_no_contract_is_refused(tiny_bundle, text):
    (tiny_bundle / layout.CONTRACT).write_bytes(text)
    assert check(tiny_bundle).guard == "identity"


def test_contract_that_was_written_again_by_hand_is_refused(tiny_bundle):
    path = tiny_bundle / layout.CONTRACT
    document = json.loads(path.read_text())
    document["evaluation"]["verdict"] = "blessed: auc 0.99 is at least 0.6"
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    assert check(tiny_bundle).guard == "identity"
    assert "was changed after it was written" in check(tiny_bundle).reason


def test_file_that_cannot_be_read_is_refused(tiny_bundle, monkeypatch):
    if os.getuid() == 0:  # who may read everything

        def refuse(path):
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr(layout, "sha256_of", refuse)
    else:
        (tiny_bundle / layout.SCHEMA).chmod(0)
    found = check(tiny_bundle)
    assert found.guard == "files"
    assert "cannot be read: Permission denied" in found.reason

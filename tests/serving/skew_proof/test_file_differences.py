"""Files against the contract, vocabularies line by line."""

import shutil

import pytest

from serving.bundle.contract import read_contract
from serving.bundle.errors import BundleRefusedError
from serving.skew_proof.file_differences import (
    changed_files,
    differing_lines,
    with_lines,
)


def told(right, wrong):
    return [
        (line.line, line.reference, line.served)
        for line in differing_lines(right.split(), wrong.split())
    ]


@pytest.mark.parametrize(
    ("right", "wrong", "lines"),
    [
        ("a b c", "a b c", []),
        ("a b c", "a x c", [(2, "b", "x")]),
        ("a b c d e", "a x c y e", [(2, "b", "x"), (4, "d", "y")]),
        # One line put in, or gone, is one difference and not one for each behind it.
        ("a b c d", "a x b c d", [(2, None, "x")]),
        ("a b c d", "a c d", [(2, "b", None)]),
        ("a b", "a b c", [(3, None, "c")]),
        ("a a a", "a a", [(3, "a", None)]),
        ("", "a", [(1, None, "a")]),
    ],
)
def test_differing_lines_leave_out_what_is_common(right, wrong, lines):
    assert told(right, wrong) == lines


def test_changed_missing_and_added_files_are_told_apart(tiny_bundle):
    contract = read_contract(tiny_bundle).contract
    assert changed_files(tiny_bundle, contract) == ()
    (tiny_bundle / "assets" / "carriers").write_text("UA\n")
    (tiny_bundle / "fingerprint.pb").unlink()
    (tiny_bundle / "assets" / "more").write_text("x")
    found = {file.path: file for file in changed_files(tiny_bundle, contract)}
    assert {path: file.what for path, file in found.items()} == {
        "assets/carriers": "changed",
        "assets/more": "added",
        "fingerprint.pb": "missing",
    }
    assert "is no file of the bundle" in found["assets/more"].sentence
    assert "is missing from" in found["fingerprint.pb"].sentence


def test_a_saved_model_alone_misses_no_papers(tiny_bundle):
    contract = read_contract(tiny_bundle).contract
    shutil.rmtree(tiny_bundle / "assets.extra")
    assert changed_files(tiny_bundle, contract) == ()


def test_a_link_is_refused(tiny_bundle):
    contract = read_contract(tiny_bundle).contract
    (tiny_bundle / "assets" / "more").symlink_to("/etc/hostname")
    with pytest.raises(BundleRefusedError, match="is a link"):
        changed_files(tiny_bundle, contract)


def test_a_vocabulary_that_is_no_text_gets_no_lines(tiny_bundle, tmp_path):
    contract = read_contract(tiny_bundle).contract
    copy = shutil.copytree(tiny_bundle, tmp_path / "copy")
    (copy / "assets" / "carriers").write_bytes(b"\xff\xfe")
    (file,) = changed_files(copy, contract)
    assert with_lines(file, tiny_bundle) == file


def test_only_the_first_lines_are_told_and_all_are_counted(tiny_bundle, tmp_path):
    contract = read_contract(tiny_bundle).contract
    copy = shutil.copytree(tiny_bundle, tmp_path / "copy")
    (copy / "assets" / "carriers").write_text("".join(f"{n}\n" for n in range(9)))
    (file,) = changed_files(copy, contract)
    detailed = with_lines(file, tiny_bundle)
    assert (len(detailed.lines), detailed.num_lines) == (5, 9)
    assert detailed.sentence.endswith("and 4 lines more")

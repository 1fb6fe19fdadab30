"""What the repository promises about itself."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TRACKED = subprocess.run(
    ["git", "ls-files"],  # noqa: S607 - git of the machine
    capture_output=True,
    text=True,
    cwd=ROOT,
    check=True,
).stdout.splitlines()
PYTHON = [name for name in TRACKED if name.endswith(".py")]
MAX_LINES = 400
MAX_DATA_BYTES = 100_000


@pytest.mark.parametrize("name", PYTHON)
def test_module_is_short_enough_to_read(name):
    assert len((ROOT / name).read_text().splitlines()) <= MAX_LINES


def test_no_module_is_named_after_nothing():
    nameless = {"utils.py", "helpers.py", "common.py", "misc.py"}
    assert not [name for name in TRACKED if Path(name).name in nameless]


def test_no_data_is_kept_in_git():
    heavy = [
        name
        for name in TRACKED
        if not name.startswith(".setup/")
        and (ROOT / name).stat().st_size > MAX_DATA_BYTES
    ]
    assert heavy == []


def test_locks_hold_hashes_and_no_index():
    for name in (".setup/py312.txt", ".setup/py313.txt"):
        text = (ROOT / name).read_text()
        assert "://" not in text
        pinned = re.findall(r"^[a-z0-9][^\n]*==[^\n]*", text, re.MULTILINE)
        assert len(pinned) > 100
        assert all(line.rstrip().endswith("\\") for line in pinned), "without a hash"


def test_readme_links_lead_somewhere():
    for readme in [name for name in TRACKED if name.endswith(".md")]:
        folder = (ROOT / readme).parent
        for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / readme).read_text()):
            assert (folder / target).exists(), f"{readme} links to {target}"


def test_make_lists_every_target():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    listed = subprocess.run(
        ["make", "--silent", "--no-print-directory"],  # noqa: S607 - make of the machine
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
        env={**os.environ, "MAKEFLAGS": "", "MAKELEVEL": "0"},
    ).stdout
    assert {line.split()[0] for line in listed.splitlines()} == targets

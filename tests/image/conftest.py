"""The repository's Dockerfile, and what a builder of it would be handed."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.image.dockerfile import read_dockerfile

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def instructions():
    return read_dockerfile(ROOT / "Dockerfile")


@pytest.fixture(scope="session")
def copied(instructions):
    """What the build takes from the checkout."""
    return [
        source
        for instruction in instructions
        if instruction.name == "COPY" and instruction.option("from") is None
        for source in instruction.words()[:-1]
    ]


@pytest.fixture(scope="session")
def git_files():
    """Every file of the checkout that git does not ignore."""
    done = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        capture_output=True, text=True, cwd=ROOT, check=True,
    )  # fmt: skip
    return [name for name in done.stdout.splitlines() if (ROOT / name).exists()]


@pytest.fixture(scope="session")
def context(tmp_path_factory, copied, git_files):
    """A folder with what the build takes from the checkout, and nothing else."""
    folder = tmp_path_factory.mktemp("context")
    for name in git_files:
        if any(name == source or name.startswith(f"{source}/") for source in copied):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)
    return folder

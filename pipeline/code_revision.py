"""Which sources a run is made of, as git knows them."""

import subprocess
from pathlib import Path

from serving.bundle.contract import CodeRevision

_TIMEOUT_S = 10
_NO_CHECKOUT = CodeRevision(commit=None, is_modified=None)


def read_code_revision(project_root: Path) -> CodeRevision:
    """Returns the checkout's commit and whether tracked files differ from it.

    Args:
        project_root: Folder of the use case.

    Returns:
        Both None where the folder is no git checkout or git is not installed: a model
        is not refused for it.
    """
    commit = _git(project_root, "rev-parse", "HEAD")
    if commit is None:
        return _NO_CHECKOUT
    status = _git(project_root, "status", "--porcelain", "--untracked-files=no")
    return CodeRevision(
        commit=commit, is_modified=None if status is None else bool(status)
    )


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - the user's own git
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None

"""Runs serving.load_check in a fresh process and reads its report.

A process of its own, because the trainer's has imported libraries that make broken
exports look sound, and because a loader that crashes must not take the run along.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

TIMEOUT_S = 600


def check_in_fresh_process(model_dir: str, extras_dir: str) -> dict[str, Any]:
    """Returns the report of serving.load_check as a mapping.

    A process that dies or hangs gives a report that is not servable and says so.

    Args:
        model_dir: A SavedModel directory.
        extras_dir: Folder with the assets.extra/ that the bundle will have.
    """
    command = [sys.executable, "-m", "serving.load_check", model_dir, extras_dir]
    root = Path(__file__).resolve().parents[2]
    try:
        done = subprocess.run(  # noqa: S603 - our own module, no input in the command
            command,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
            cwd=root,
        )
    except subprocess.TimeoutExpired:
        return _refusal(f"loading and answering took more than {TIMEOUT_S} s")
    sys.stderr.write(done.stderr)
    lines = done.stdout.strip().splitlines()
    if not lines or not lines[-1].startswith("{"):
        last = done.stderr.strip().splitlines()[-1:] or ["no output"]
        return _refusal(
            f"the process that loads the model died with exit code "
            f"{done.returncode}: {last[0]}"
        )
    report: dict[str, Any] = json.loads(lines[-1])
    return report


def _refusal(reason: str) -> dict[str, Any]:
    return {"is_servable": False, "reason": reason}

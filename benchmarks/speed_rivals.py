"""How each rival is started on a project, and what its run says about itself."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from benchmarks.process_tree import TreeUsage
from benchmarks.speed_result import OURS, ROOT, SCRIPT, STOCK, Node

VERDICT_FILE = "verdict.json"
SLIPWAY = Path(sys.executable).parent / "slipway"
# Not blessed is a verdict, not a failure to run.
GOOD_CODES = {OURS: (0, 4), STOCK: (0,), SCRIPT: (0,)}

Told = tuple[list[Node], str, float | None]
"""Nodes, the run's state in words, AUC of the rows held back (None: not judged)."""


class RivalError(RuntimeError):
    """A rival's run failed; the text names its log."""


def run_rival(rival: str, config: Path, last: int) -> tuple[TreeUsage, Told]:
    """Runs a rival once, in a process of its own.

    Args:
        rival: OURS, STOCK or SCRIPT.
        config: The project's YAML file; beside it work/, csv/ and log files.
        last: The newest span.

    Returns:
        What the process tree used, and what the run said.

    Raises:
        RivalError: It failed.
    """
    folder = config.parents[1]
    answer, usage_path = folder / "answer.json", folder / "usage.json"
    for path in (answer, usage_path):
        path.unlink(missing_ok=True)
    log = folder / "log.txt"
    measured = [sys.executable, str(ROOT / "benchmarks" / "process_tree.py")]
    with (
        log.open("ab") as output,
        subprocess.Popen(  # noqa: S603 - our own modules
            [*measured, str(usage_path), *_command(rival, config, last, answer)],
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            cwd=config.parent,
            env=_environment(config),
            # Ctrl-C is for the bench, which then ends the whole tree.
            start_new_session=True,
        ) as process,
    ):
        try:
            process.wait()
        except KeyboardInterrupt:
            process.terminate()
            raise
    if not usage_path.exists():
        raise RivalError(f"{rival} was interrupted; its output is in {log}.")
    usage = TreeUsage(**json.loads(usage_path.read_text(encoding="utf-8")))
    if usage.returncode not in GOOD_CODES[rival]:
        raise RivalError(
            f"{rival} ended with exit code {usage.returncode}, expected "
            f"{GOOD_CODES[rival]}; its output is in {log}."
        )
    return usage, _told_by_slipway(folder / "work") if rival == OURS else _told(answer)


def _command(rival: str, config: Path, last: int, answer: Path) -> list[str]:
    folder = config.parents[1]
    module = [sys.executable, "-m"]
    if rival == OURS:
        return [str(SLIPWAY), "run", str(config)]
    if rival == STOCK:
        return [
            *module, "benchmarks.rivals.stock_tfx", str(config), str(folder / "csv"),
            str(folder / "stock"), str(answer),
        ]  # fmt: skip
    return [
        *module, "benchmarks.rivals.plain_script", str(config),
        str(folder / "spans"), f"1-{last}", str(folder / "model.keras"), str(answer),
    ]  # fmt: skip


def _environment(config: Path) -> dict[str, str]:
    path = f"{config.parent}:{ROOT}"
    return {**os.environ, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "1"}


def _told(answer: Path) -> Told:
    values: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    nodes = [Node(**node) for node in values["nodes"]]
    return nodes, values["state"], values["auc"]


def _told_by_slipway(work_dir: Path) -> Told:
    """Reads the newest run record; see pipeline/run_record.py."""
    newest = max((work_dir / "runs").glob("*/run.json"))
    record: dict[str, Any] = json.loads(newest.read_text(encoding="utf-8"))
    nodes = [
        Node(**{key: node[key] for key in ("node_id", "state", "wall_s")})
        for node in record["nodes"]
    ]
    return nodes, record["state"], auc_of_record(record)


def auc_of_record(record: Mapping[str, Any]) -> float | None:
    """Returns the AUC of all rows that a run's verdict names; None without a verdict.

    Args:
        record: A run record; the verdict lies in one of its artifacts.
    """
    for node in record["nodes"]:
        for artifact in chain.from_iterable(node["outputs"].values()):
            path = Path(artifact["uri"]) / VERDICT_FILE
            if path.exists():
                checks = json.loads(path.read_text(encoding="utf-8"))["checks"]
                return next(float(check["value"]) for check in checks if _is_auc(check))
    return None


def _is_auc(check: Mapping[str, Any]) -> bool:
    return (check["metric"], check["slice"]) == ("auc", "all rows")

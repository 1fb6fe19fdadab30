"""What one measured run of a rival gave, kept so that an interrupted bench goes on.

{work}/results.jsonl    one Result a line; the last one of a key counts
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.process_tree import TreeUsage

ROOT = Path(__file__).resolve().parents[1]
OURS, STOCK, SCRIPT = "slipway", "stock TFX", "plain script"
RIVALS = (OURS, STOCK, SCRIPT)

COLD, UNCHANGED, TOUCH = "cold", "unchanged", "touched file"
EDIT, ELEVEN, NEW_SPAN = "model edit", "cold, 11 spans", "twelfth span"
SCENARIOS = (COLD, UNCHANGED, TOUCH, EDIT, ELEVEN, NEW_SPAN)

_SOURCES = {
    OURS: ("pipeline", "components", "models", "data", "serving"),
    STOCK: ("benchmarks/rivals/stock_tfx.py", "models", "pipeline/eval_config.py"),
    SCRIPT: ("benchmarks/rivals/plain_script.py", "models"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """One node of a DAG, or one step of the script.

    Attributes:
        node_id: Its name.
        state: "done", "cached", or another word of the rival's own.
        wall_s: Seconds it took.
    """

    node_id: str
    state: str
    wall_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """What is measured once.

    Attributes:
        rival: OURS, STOCK or SCRIPT.
        scenario: One of SCENARIOS.
        repeat: 1 for the first time.
        scale: How many times the rows of 2013.
    """

    rival: str
    scenario: str
    repeat: int = 1
    scale: int = 1

    def __str__(self) -> str:
        rows = "" if self.scale == 1 else f", {self.scale} times the rows"
        return f"{self.rival}, {self.scenario}{rows}, no. {self.repeat}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What came of it.

    Attributes:
        case: What was measured.
        source: `source_digest` of the rival at that time.
        at: ISO-8601, UTC, to the second.
        usage: Wall, CPU and memory of the whole process tree.
        nodes: In the order in which they started.
        state: How the run ended, in the rival's words.
        auc: On all rows held back; None where nothing was judged.
    """

    case: Case
    source: str
    at: str
    usage: TreeUsage
    nodes: list[Node] = field(default_factory=list)
    state: str = ""
    auc: float | None = None

    def to_json(self) -> str:
        """Returns one line."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, line: str) -> "Result":
        """Reads what `to_json` wrote."""
        values: dict[str, Any] = json.loads(line)
        values["case"] = Case(**values["case"])
        values["usage"] = TreeUsage(**values["usage"])
        values["nodes"] = [Node(**node) for node in values["nodes"]]
        return cls(**values)


class ResultFile:
    """The results of a work folder."""

    def __init__(self, path: Path) -> None:
        """Makes the folder; the file appears with the first result."""
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)

    def read(self) -> dict[Case, Result]:
        """Returns the newest result of each case; a line cut short is left out."""
        if not self._path.exists():
            return {}
        lines = self._path.read_text(encoding="utf-8").splitlines(keepends=True)
        results = [Result.from_json(line) for line in lines if line.endswith("\n")]
        return {result.case: result for result in results}

    def read_current(self) -> dict[Case, Result]:
        """Returns those that were measured on the sources as they are now."""
        digests = {rival: source_digest(rival) for rival in RIVALS}
        return {
            case: result
            for case, result in self.read().items()
            if result.source == digests[case.rival]
        }

    def add(self, result: Result) -> None:
        """Appends one."""
        if self._path.exists():
            self.forget(())
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{result.to_json()}\n")

    def forget(self, cases: Iterable[Case]) -> None:
        """Takes some results out, and a line that an interruption cut short."""
        gone = set(cases)
        kept = [result for case, result in self.read().items() if case not in gone]
        beside = self._path.with_suffix(".new")
        beside.write_text("".join(f"{result.to_json()}\n" for result in kept))
        beside.replace(self._path)


def source_digest(rival: str) -> str:
    """Returns the first 16 hexadecimal digits of a SHA-256 over a rival's sources."""
    digest = hashlib.sha256()
    for name in _SOURCES[rival]:
        place = ROOT / name
        files = [place] if place.is_file() else sorted(place.rglob("*"))
        for file in files:
            if file.suffix in {".py", ".yaml", ".pbtxt"}:
                digest.update(str(file.relative_to(ROOT)).encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]

"""A work folder with spans of real rows, and the command line run on it."""

import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from pipeline.pipeline_argument import find_config
from pipeline.outcome import read_outcome
from pipeline.run_pipeline import run_pipeline
from pipeline.run_record import RunRecord, WorkDir
from pipeline.terminal import Progress, print_outcome
from serving.versions.model_folder import list_versions

ROOT = Path(__file__).resolve().parents[2]
SLIPWAY = str(Path(sys.executable).parent / "slipway")
ROWS_PER_SPAN = 1500
USE_CASE = str(Path(__file__).parent / "use_case")
ENVIRONMENT = {**os.environ, "COLUMNS": "200", "PYTHONPATH": USE_CASE}
# A slice of 6,000 rows cannot reach what 327,346 do; what is tested is the machinery.
SMALL = {
    "data.prepare": None,
    "train.max_epochs": 6,
    "train.batch_size": 64,
    "evaluation.thresholds": [
        {"metric": "auc", "min": 0.5},
        {"metric": "auc", "max_decrease": 0.2},
        {"metric": "auc", "slice": "origin", "min": 0.4, "min_examples": 300},
    ],
}


@dataclass(frozen=True)
class Done:
    """How a run ended, as a person sees it."""

    returncode: int
    stdout: str
    stderr: str


@dataclass
class Project:
    """A work folder of its own, with spans of real rows."""

    folder: Path
    settings: dict = field(default_factory=lambda: dict(SMALL))

    @property
    def spans(self) -> Path:
        return self.folder / "spans"

    @property
    def models(self) -> Path:
        return self.folder / "models" / "flights"

    def overrides(self, *changes: tuple[str, object]) -> dict[str, object]:
        return {
            **self.settings,
            "work_dir": str(self.folder / "work"),
            "data.input_base": str(self.spans),
            "deployment.model_base_path": str(self.folder / "models"),
            **dict(changes),
        }

    def command(self, *changes: tuple[str, object]) -> list[str]:
        command = [SLIPWAY, "run", "flights"]
        for name, value in self.overrides(*changes).items():
            command += ["--set", f"{name}={json.dumps(value)}"]
        return command

    def run_command(self, *changes: tuple[str, object]) -> Done:
        """Runs `slipway run` in a process of its own."""
        done = subprocess.run(
            self.command(*changes),
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
            env=ENVIRONMENT,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def run(self, *changes: tuple[str, object]) -> Done:
        """Does what `slipway run` does, in this process.

        The fork server that has imported TensorFlow and TFX is kept from run to run,
        which saves most of a small run's time.
        """
        output = io.StringIO()
        console = Console(file=output, width=200)
        with Progress(console) as progress:
            record = run_pipeline(
                find_config("flights"), self.overrides(*changes), progress
            )
        print_outcome(console, record, read_outcome(record))
        return Done(record.exit_code or 0, output.getvalue(), "")

    def last_run(self) -> RunRecord:
        return WorkDir(self.folder / "work").list_runs()[-1]

    def versions(self) -> list[str]:
        return [str(version) for version in list_versions(self.models)]

    def states(self) -> dict[str, str]:
        return {node.node_id: node.state for node in self.last_run().nodes}

"""A work folder with spans of real rows, and the command line run on it."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2
from rich.console import Console

from pipeline.outcome import read_outcome
from pipeline.pipeline_argument import find_config
from pipeline.run_pipeline import WHOLE, run_pipeline
from pipeline.run_record import RunRecord, WorkDir
from pipeline.selection import Selection
from pipeline.terminal import Progress, print_outcome
from pipeline.why_command import sentence
from serving.versions.model_folder import list_versions

ROOT = Path(__file__).resolve().parents[2]
SLIPWAY = (sys.executable, "-m", "pipeline.cli")
ROWS_PER_SPAN = 1500
SPLIT = ("data.split", {"by": "time", "eval_spans": 1})
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

    def start(
        self, *changes: tuple[str, object], options: Sequence[str] = ()
    ) -> subprocess.Popen[str]:
        """Starts `slipway run` in a process and a session of its own."""
        command = [*SLIPWAY, "run", "flights", *options]
        for name, value in self.overrides(*changes).items():
            command += ["--set", f"{name}={json.dumps(value)}"]
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env=ENVIRONMENT,
            start_new_session=True,
        )

    def run_command(
        self, *changes: tuple[str, object], options: Sequence[str] = ()
    ) -> Done:
        """Runs `slipway run` in a process of its own."""
        process = self.start(*changes, options=options)
        output, _ = process.communicate(timeout=500)
        return Done(process.returncode, output)

    def run(
        self,
        *changes: tuple[str, object],
        selection: Selection = WHOLE,
        use_cache: bool = True,
    ) -> Done:
        """Does what `slipway run` does, in this process.

        The fork server that has imported TensorFlow and TFX is kept from run to run,
        which saves most of a small run's time.
        """
        output = io.StringIO()
        console = Console(file=output, width=200)
        with Progress(console) as progress:
            record = run_pipeline(
                find_config("flights"),
                self.overrides(*changes),
                progress,
                selection=selection,
                use_cache=use_cache,
            )
        print_outcome(console, record, read_outcome(record))
        return Done(record.exit_code or 0, output.getvalue())

    @property
    def work_dir(self) -> WorkDir:
        return WorkDir(self.folder / "work")

    def why(self, node_id: str) -> str:
        """Returns what `slipway why` says of the last run."""
        record = self.last_run()
        node = record.node(node_id)
        assert node is not None, node_id
        return sentence(record, node)

    def unfinished(self) -> list[str]:
        """Returns the executions that ML Metadata takes for going on."""
        config = metadata_store_pb2.ConnectionConfig()
        config.sqlite.filename_uri = str(self.work_dir.metadata_path)
        store = metadata_store.MetadataStore(config)
        kinds = metadata_store_pb2.Execution.State
        return [
            f"{execution.type} {execution.id}"
            for execution in store.get_executions()
            if execution.last_known_state in (kinds.NEW, kinds.RUNNING)
        ]

    def last_run(self) -> RunRecord:
        return self.work_dir.list_runs()[-1]

    def versions(self) -> list[str]:
        return [str(version) for version in list_versions(self.models)]

    def states(self) -> dict[str, str]:
        return {node.node_id: node.state for node in self.last_run().nodes}

"""A work folder whose runs are made up: decisions need records, not models."""

import dataclasses
import hashlib
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from data.spans import write_span
from pipeline.code_digest import code_digest
from pipeline.config import load_config
from pipeline.pipeline_argument import find_config
from pipeline.retraining.decision_ledger import RetrainingLedger, ledger_of
from pipeline.retraining.gather import select_spans
from pipeline.retraining.retrain import RetrainRequest, retrain
from pipeline.run_record import (
    ArtifactRecord,
    NodeResult,
    RunRecord,
    WorkDir,
    new_run_id,
)
from pipeline.source_digest import SourceSnapshot
from pipeline.watch_command import QuietListener

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@dataclass
class Workshop:
    """A work folder, its spans, and a run that only writes its record."""

    folder: Path
    now: datetime = NOW
    states: list[str] = field(default_factory=list)
    runs: list[dict] = field(default_factory=list)
    settings: dict = field(default_factory=dict)

    @property
    def overrides(self) -> dict:
        return {
            "work_dir": str(self.folder / "work"),
            "data.input_base": str(self.folder / "spans"),
            "data.prepare": None,
            "data.spans": {},
            "data.split": {"by": "time", "eval_spans": 1},
            "deployment.model_base_path": str(self.folder / "models"),
            "retraining": {"min_new_rows": 10, **self.settings},
        }

    @property
    def work_dir(self) -> WorkDir:
        return WorkDir(self.folder / "work")

    @property
    def ledger(self) -> RetrainingLedger:
        return ledger_of(self.work_dir)

    def entries(self):
        return self.ledger.read().entries

    def add_span(self, number: int, rows: int = 50) -> None:
        times = pa.array([NOW] * rows, pa.timestamp("us", "UTC"))
        keys = pa.array(range(rows), pa.int64())
        table = pa.table({"event_time": times, "key": keys, "number": [number] * rows})
        base = self.folder / "spans"
        write_span(base, number, table, event_time="event_time", source="a test")

    def request(self, **others) -> RetrainRequest:
        return RetrainRequest(
            config_path=find_config("flights"),
            overrides=self.overrides,
            clock=lambda: self.now,
            **others,
        )

    def retrain(self, **others):
        return retrain(self.request(**others), QuietListener(), self.run)

    def run(self, config_path, overrides, _listener) -> RunRecord:
        """Ends with the next state; writes what the decision looks at."""
        state = self.states.pop(0) if self.states else "pushed"
        config = load_config(config_path, overrides)
        self.runs.append(overrides)
        spans = select_spans(config)
        version = ArtifactRecord(
            uri="", type_name="PushedModel", properties={"version": len(self.runs)}
        )
        record = RunRecord(
            run_id=new_run_id(),
            pipeline=config.name,
            config_path=str(config_path),
            settings=dataclasses.asdict(config),
            spans=[span.span for span in spans],
            span_digests={str(span.span): span.digest for span in spans},
            code_digest=code_digest(config, self.sources()),
            state=state,
            reason=f"{state} as version {len(self.runs)}",
            exit_code=0 if state == "pushed" else 4,
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            nodes=[
                NodeResult(
                    node_id="pusher",
                    state="done",
                    outputs={"pushed_model": [version]},
                )
            ],
        )
        self.work_dir.write(record)
        return record

    def sources(self) -> SourceSnapshot:
        return SourceSnapshot(self.work_dir.cache / "imports.json")

    def wait(self, **time) -> None:
        self.now += timedelta(**time)


@pytest.fixture(scope="session")
def imports_file(tmp_path_factory) -> Path:
    """What each source imports: parsing them anew takes half a second a test."""
    path = tmp_path_factory.mktemp("cache") / "imports.json"
    sources = SourceSnapshot(path)
    code_digest(load_config(find_config("flights")), sources)
    sources.save()
    return path


@pytest.fixture
def workshop(tmp_path, imports_file) -> Workshop:
    made = Workshop(tmp_path)
    made.work_dir.cache.mkdir(parents=True)
    shutil.copy(imports_file, made.work_dir.cache)
    for number in (1, 2):
        made.add_span(number)
    return made


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

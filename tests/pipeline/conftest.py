"""A small use case on disk that passes every check, for tests to spoil."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.config import PipelineConfig, load_config
from pipeline.preflight import PreflightError

SCHEMA = """
default_environment: "TRAINING"
default_environment: "SERVING"
feature { name: "id" type: BYTES }
feature { name: "at" type: INT }
feature { name: "origin" type: BYTES }
feature { name: "hour" type: INT }
feature { name: "wind" type: FLOAT }
feature { name: "late" type: INT not_in_environment: "SERVING" }
"""
FEATURES = """
NUMBERS = ("wind", "hour")
FEATURE_KEYS = (*NUMBERS, "origin")
LABEL_KEY = "late"
"""
CODE = """
import heavy_library_that_is_never_imported
def prepare(input_base): ...
def preprocessing_fn(inputs): ...
run_fn = preprocessing_fn
if True:
    class Tuner:
        def inside(self): ...
"""
YAML = """
name: flights
work_dir: work
min_free_disk_gib: 0
data: {input_base: spans, prepare: usecase.code.prepare,
       key: id, event_time: at, label: late, split: {eval_spans: 1}}
validation: {schema: schema.pbtxt}
transform: {preprocessing_fn: usecase.code.preprocessing_fn}
train: {run_fn: usecase.code.run_fn, features: usecase.features}
evaluation: {slices: [origin, hour], thresholds: [{metric: auc, min: 0.6}]}
deployment: {model_base_path: served}
"""


@dataclass(frozen=True)
class Project:
    """A folder with a use case; `usecase` is importable while the test runs."""

    folder: Path

    def load(self, **overrides: object) -> PipelineConfig:
        """Loads the configuration; `data__key` overrides data.key."""
        dotted = {name.replace("__", "."): value for name, value in overrides.items()}
        return load_config(self.folder / "pipeline.yaml", dotted)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def replace(self, name: str, old: str, new: str) -> Path:
        text = (self.folder / name).read_text(encoding="utf-8")
        assert old in text
        return self.write(name, text.replace(old, new))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    project = Project(tmp_path)
    project.write("schema.pbtxt", SCHEMA)
    project.write("usecase/__init__.py", "")
    project.write("usecase/features.py", FEATURES)
    project.write("usecase/code.py", CODE)
    project.write("pipeline.yaml", YAML)
    monkeypatch.syspath_prepend(tmp_path)
    yield project
    for name in [name for name in sys.modules if name.split(".")[0] == "usecase"]:
        del sys.modules[name]


@pytest.fixture
def problems_of() -> Callable[..., tuple[str, ...]]:
    """Runs a check that must be refused; returns its problems."""

    def run(check: Callable[..., None], *arguments: object) -> tuple[str, ...]:
        with pytest.raises(PreflightError, match=r".") as caught:
            check(*arguments)
        assert caught.value.exit_code == 2
        return caught.value.problems

    return run

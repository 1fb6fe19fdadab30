"""`slipway why` names the cause of every change planted after a finished run.

The DAG is the flights pipeline's own, compiled; what its nodes write is made up: text
that follows from their keys, as what real nodes write follows from what they are given.
"""

import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import source_digest
from pipeline.node_cache import decide
from pipeline.node_cache.node_decisions import NodeDecisions
from pipeline.node_plan import read_plan
from pipeline.run_config import NodeRunConfig, RunConfig
from pipeline.run_record import NodeResult, RunRecord
from pipeline.source_digest import SourceSnapshot
from pipeline.why_command import sentence
from tests.pipeline.node_cache.workbench import Workbench

ROOT = Path(__file__).resolve().parents[2]
CASE = {
    "transform.preprocessing_fn": "plantedcase.preprocessing.preprocessing_fn",
    "train.run_fn": "plantedcase.trainer.run_fn",
}
VARIANTS = {
    "base": {},
    "batch_size": {"overrides": {"train.batch_size": 64}},
    "threshold": {
        "overrides": {"evaluation.thresholds": [{"metric": "auc", "min": 0.7}]}
    },
    "strict": {"overrides": {"evaluation.thresholds": [{"metric": "auc", "min": 0.8}]}},
    "schema": {"inputs": {"schema_digest": "ab" * 32}},
    "span": {"inputs": {"spans": [1, 2, 3, 4]}},
    "server": {"inputs": {"server_binary": "/opt/tensorflow_model_server"}},
    "server upgraded": {"inputs": {"server_digest": "cd" * 32}},
}
SOURCES = {
    "__init__.py": "",
    "preprocessing.py": "import plantedcase.features\n",
    "features.py": "KEYS = ('a',)\n",
    "trainer.py": "from plantedcase import features, model\n",
    "model.py": "UNITS = 32\n",
    "notes.py": "",
}
AFTER_TRANSFORM = {
    "transform",
    "trainer",
    "golden_batch_gen",
    "serving_validator",
    "evaluator",
    "quality_gate",
    "pusher",
}


@pytest.fixture(scope="module")
def dags(tmp_path_factory):
    """Name of a variant to the plans of its nodes."""
    folder = tmp_path_factory.mktemp("dags")
    variants = {
        name: variant | {"overrides": CASE | variant.get("overrides", {})}
        for name, variant in VARIANTS.items()
    }
    (folder / "variants.json").write_text(json.dumps(variants))
    subprocess.run(
        [sys.executable, "-m", "tests.pipeline.compiled_dags", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return {name: read_plan((folder / f"{name}.pb").read_bytes()) for name in variants}


@pytest.fixture
def case(tmp_path, monkeypatch):
    folder = tmp_path / "plantedcase"
    folder.mkdir()
    for name, text in SOURCES.items():
        (folder / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    source_digest._own_roots.cache_clear()
    yield folder
    source_digest._own_roots.cache_clear()


@dataclasses.dataclass
class Pipeline:
    """Runs the DAG on paper."""

    bench: Workbench
    dags: dict
    imports_file: Path
    num_runs: int = 0

    def look_at_sources(self):
        sources = SourceSnapshot(self.imports_file)
        for plan in self.dags["base"]:
            sources.digests(plan.modules)
        sources.save()
        return sources

    def run(self, variant="base", **settings) -> RunRecord:
        self.num_runs += 1
        record = RunRecord(
            run_id=f"r{self.num_runs}", pipeline="p", config_path="", settings={}
        )
        decisions = NodeDecisions(
            self.bench.work_dir, RunConfig(**settings), self.look_at_sources()
        )
        for plan in self.dags[variant]:
            decision = decisions.decide(plan, may_look_up=True)
            outputs = decision.outputs
            if outputs is None:
                text = decision.key.digest if decision.key else "asked"
                outputs = self._write(plan.node_id, text)
            decisions.set_outputs(plan.node_id, outputs)
            if decision.outputs is None:
                decisions.keep(plan, decision.key, record.run_id)
            result = NodeResult(
                node_id=plan.node_id,
                state="done" if decision.outputs is None else "cached",
                why=decision.why,
                details=decision.details,
                outputs=outputs,
            )
            record.nodes.append(result)
        return record

    def _write(self, node_id, text):
        names = sorted(
            {
                source.output
                for plan in self.dags["base"]
                for sources in plan.inputs.values()
                for source in sources
                if source.node_id == node_id
            }
        )
        return {
            name: [self.bench.artifact(node_id, name, f"{name} {text}")]
            for name in names or ["result"]
        }


@pytest.fixture
def pipeline(dags, case, tmp_path, tmp_path_factory):  # noqa: ARG001 - the sources must be there
    imports_file = tmp_path_factory.getbasetemp() / "imports.json"
    made = Pipeline(Workbench(tmp_path / "work"), dags, imports_file)
    made.run()
    return made


def ran(record):
    """Nodes that ran; those that are asked in every run left out."""
    return {node.node_id for node in record.nodes if node.state == "done"} - {
        "baseline_resolver"
    }


def why(record, node_id):
    return sentence(record, record.node(node_id))


def short(text):
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def test_nothing_changed(pipeline):
    record = pipeline.run()
    assert ran(record) == set()
    assert why(record, "trainer").startswith(
        "trainer did not run: inputs, parameters, sources and libraries are those of "
        "run r1, and what it wrote is there and whole"
    )


def test_line_of_the_model(pipeline, case):
    (case / "model.py").write_text("UNITS = 64\n")
    record = pipeline.run()
    assert why(record, "trainer") == (
        "trainer ran because plantedcase/model.py changed, content "
        f"{short('UNITS = 32' + chr(10))} to {short('UNITS = 64' + chr(10))}, since "
        "run r1."
    )
    assert ran(record) == AFTER_TRANSFORM - {"transform"}
    assert "its input model from trainer changed" in why(record, "evaluator")


def test_line_of_preprocessing(pipeline, case):
    (case / "preprocessing.py").write_text("import plantedcase.features  # edited\n")
    record = pipeline.run()
    assert "plantedcase/preprocessing.py changed, content" in why(record, "transform")
    assert "its input examples from transform changed" in why(record, "trainer")
    assert ran(record) <= AFTER_TRANSFORM
    assert {"transform", "trainer", "evaluator"} <= ran(record)


def test_line_that_two_nodes_import(pipeline, case):
    (case / "features.py").write_text("KEYS = ('b',)\n")
    record = pipeline.run()
    for node_id in ("transform", "trainer"):
        assert "plantedcase/features.py changed, content" in why(record, node_id)
    details = record.node("trainer").details
    assert any("its input transform_graph" in detail for detail in details)


def test_batch_size_in_the_yaml(pipeline):
    record = pipeline.run("batch_size")
    assert "batch_size changed from 1024 to 64, since run r1." in why(record, "trainer")
    assert "transform" not in ran(record)


def test_threshold(pipeline):
    pipeline.run("threshold")
    record = pipeline.run("strict")
    assert "min changed from 0.7 to 0.8, since run r2" in why(record, "quality_gate")
    assert "trainer" not in ran(record)


def test_schema_file(pipeline):
    record = pipeline.run("schema")
    assert why(record, "schema_curator") == (
        "schema_curator ran because parameter schema_digest changed from 5c5c5c5c to "
        "abababab, since run r1."
    )
    assert "example_gen" not in ran(record)
    assert "statistics_gen" not in ran(record)


def test_new_span(pipeline):
    record = pipeline.run("span")
    assert "is new: 4" in " ".join(
        [why(record, "example_gen"), *record.node("example_gen").details]
    )
    assert "its input examples from example_gen changed" in why(
        record, "statistics_gen"
    )


def test_version_of_a_library(pipeline, monkeypatch):
    versions = source_digest.library_versions() | {"tensorflow": "9.9.9"}
    monkeypatch.setattr(decide, "library_versions", lambda: versions)
    record = pipeline.run()
    assert ran(record) == {node.node_id for node in record.nodes} - {
        "baseline_resolver"
    }
    old = source_digest.library_versions()["tensorflow"]
    change = f"library tensorflow changed from {old} to 9.9.9"
    assert why(record, "example_gen") == (
        f"example_gen ran because {change}, since run r1."
    )
    assert change in record.node("statistics_gen").details


def test_artifact_that_is_gone(pipeline):
    uri = pipeline.run().node("evaluator").outputs["evaluation"][0].uri
    shutil.rmtree(uri)
    record = pipeline.run()
    assert why(record, "evaluator") == (
        "evaluator ran because its output evaluation of an earlier run, "
        f"{uri}, is gone."
    )
    assert ran(record) == {"evaluator"}


def test_flipped_byte_of_an_artifact(pipeline):
    artifact = pipeline.run().node("trainer").outputs["model"][0]
    path = Path(artifact.uri) / "Split-train" / "data"
    status, content = path.stat(), bytearray(path.read_bytes())
    content[3] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    record = pipeline.run()
    assert "is no longer what was written, content" in why(record, "trainer")
    assert ran(record) == {"trainer"}


def test_cache_of_one_node_is_off(pipeline):
    record = pipeline.run(nodes={"evaluator": NodeRunConfig(cache=False)})
    assert why(record, "evaluator") == "evaluator ran: its cache is off."
    assert ran(record) == {"evaluator"}


def test_binary_of_the_server(pipeline):
    record = pipeline.run("server")
    assert why(record, "serving_validator") == (
        'serving_validator ran because parameter server_binary changed from "" to '
        '"/opt/tensorflow_model_server", since run r1.'
    )
    assert not {"trainer", "transform"} & ran(record)


def test_other_server_under_the_same_path(pipeline):
    record = pipeline.run("server upgraded")
    assert why(record, "serving_validator") == (
        'serving_validator ran because parameter server_digest changed from "" to '
        "cdcdcdcd, since run r1."
    )
    assert not {"trainer", "transform"} & ran(record)


def test_touched_source_and_unrelated_file_rerun_nothing(pipeline, case):
    os.utime(case / "preprocessing.py")
    (case / "notes.py").write_text("TODAY = 'sunny'\n")
    (case / "new_notes.py").write_text("TODAY = 'rainy'\n")
    assert ran(pipeline.run()) == set()

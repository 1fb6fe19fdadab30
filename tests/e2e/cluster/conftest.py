"""Compiled pipelines and their runs; each run once, for all tests."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from data.spans import content_digest, load_manifest, span_folder, write_span
from pipeline.compile.compile_pipeline import CompileOptions, compile_pipeline
from pipeline.pipeline_argument import find_config
from tests.e2e.cluster.compiled import Compiled
from tests.e2e.cluster.local_cluster import LocalCluster, TaskRun
from tests.e2e.project import ROOT, SPLIT

IMAGE = f"registry.example/slipway@sha256:{'0' * 64}"
BUCKET = "gs://bucket"
SPANS = [1, 2, 3]
BROKEN_SPAN = 4


@dataclass
class Vertex:
    """A cluster with the spans in a bucket, and the pipeline compiled for Vertex AI."""

    cluster: LocalCluster
    compiled: Compiled

    @property
    def models(self) -> Path:
        return self.cluster.path(f"{BUCKET}/models/flights")


@pytest.fixture(scope="session")
def vertex(untouched, tmp_path_factory) -> Vertex:
    cluster = LocalCluster(
        # The one that imports an artifact type of ours by its name.
        tmp_path_factory.mktemp("vertex"),
        fresh=frozenset({"golden-batch-gen"}),
    )
    spans = cluster.path(f"{BUCKET}/spans")
    shutil.copytree(untouched.spans, spans)
    plant_unknown_carriers(spans)
    compiled = compile_pipeline(
        find_config("flights"),
        "vertex",
        {
            **untouched.overrides(SPLIT, ("data.spans", {"first": 1, "last": 3})),
            "cluster": {
                "image": IMAGE,
                "project_root": str(ROOT),
                "pipeline_root": f"{BUCKET}/artifacts",
                "input_base": f"{BUCKET}/spans",
                "model_base_path": f"{BUCKET}/models",
            },
        },
        CompileOptions(data_digest=digest_of(spans)),
    )
    return Vertex(cluster, Compiled(compiled.content, compiled.suffix))


def digest_of(spans: Path) -> str:
    return content_digest((span, load_manifest(spans, span).digest) for span in SPANS)


def plant_unknown_carriers(spans: Path) -> None:
    """Adds a span in which every flight of United is of a carrier that nobody knows."""
    (file,) = span_folder(spans, SPANS[-1]).glob("*.parquet")
    table = pq.read_table(file)
    carrier = pc.if_else(pc.equal(table["carrier"], "UA"), "ZZ", table["carrier"])
    index = table.schema.get_field_index("carrier")
    planted = table.set_column(index, "carrier", carrier)
    write_span(spans, BROKEN_SPAN, planted, event_time="event_time", source="planted")


@pytest.fixture(scope="session")
def vertex_run(vertex) -> dict[str, TaskRun]:
    """The first run on Vertex AI: nothing is known, everything runs."""
    return vertex.cluster.run(vertex.compiled)


@pytest.fixture(scope="session")
def unblessed_run(vertex, vertex_run) -> dict[str, TaskRun]:
    """The same again, with a bound that no model meets."""
    assert vertex_run  # what it blessed is the baseline here
    bound = {"metric": "auc", "min": 0.999, "min_examples": 1}
    everything = {
        "max": None,
        "max_decrease": None,
        "max_increase": None,
        "slice": None,
    }
    return vertex.cluster.run(
        vertex.compiled, thresholds=json.dumps([{**bound, **everything}])
    )


@pytest.fixture(scope="session")
def stopped_run(vertex) -> dict[str, TaskRun]:
    """A run on data that breaks the schema."""
    return vertex.cluster.run(
        vertex.compiled, spans=json.dumps([1, BROKEN_SPAN]), data_digest=""
    )


@dataclass
class Kubeflow:
    """A run of one epoch on Kubeflow, where version 1 is served already."""

    cluster: LocalCluster
    tasks: dict[str, TaskRun]
    models: Path

    def run_files(self, task: str, key: str, name: str) -> list[Path]:
        return list(self.cluster.path(self.tasks[task].output(key).uri).rglob(name))


@pytest.fixture(scope="session")
def kubeflow(vertex, vertex_run, untouched, tmp_path_factory) -> Kubeflow:
    assert vertex_run  # what it pushed is served here
    volume = tmp_path_factory.mktemp("volume")
    shutil.copytree(vertex.models, volume / "models/flights")
    shutil.copytree(untouched.spans, volume / "spans")
    compiled = compile_pipeline(
        find_config("flights"),
        "kubeflow",
        {
            **untouched.overrides(SPLIT, ("data.spans", {"first": 1, "last": 3})),
            "cluster": {
                "image": IMAGE,
                "project_root": str(ROOT),
                "pipeline_root": "minio://mlpipeline/v2/artifacts",
                "input_base": str(volume / "spans"),
                "model_base_path": str(volume / "models"),
                "volumes": [{"claim": "slipway", "path": str(volume)}],
            },
        },
    )
    cluster = LocalCluster(tmp_path_factory.mktemp("kubeflow"))
    read = Compiled(compiled.content, compiled.suffix)
    return Kubeflow(cluster, cluster.run(read, max_epochs=1), volume / "models/flights")

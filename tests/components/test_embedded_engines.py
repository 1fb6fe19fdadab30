"""Beam components on an engine inside the job server: the same as in memory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf
from tensorflow_metadata.proto.v0 import statistics_pb2

from pipeline.beam_engine.beam_config import BeamConfig, FlinkConfig, SparkConfig
from pipeline.beam_engine.options import dag_args
from pipeline.job_servers.jars import FLINK, SPARK
from tests.components.columnar_run import run_both, write_examples
from tests.job_server_jars import require_job_server

ROOT = Path(__file__).resolve().parents[2]


def settings_of(jar_set):
    jar = str(require_job_server(jar_set))
    return BeamConfig(
        engine=jar_set.engine,
        flink=FlinkConfig(job_server_jar=jar),
        spark=SparkConfig(job_server_jar=jar),
    )


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(FLINK, id="flink"),
        pytest.param(SPARK, id="spark", marks=pytest.mark.flink),
    ],
)
def results(request, tmp_path_factory):
    """Folders of the same work in memory, in this process, and on the engine."""
    settings = settings_of(request.param)
    folder = tmp_path_factory.mktemp("engines")
    examples = write_examples(folder / "examples")
    command = [sys.executable, "-m", "tests.components.columnar_run", str(examples)]
    # A process of its own: Beam ends the job server when its process ends.
    with subprocess.Popen(
        [*command, str(folder / "engine"), *dag_args(settings, str(folder))],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        run_both(examples, folder / "memory")
        output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output[-3000:]
    return folder / "memory", folder / "engine"


def read_records(folder):
    files = sorted(folder.glob("*.gz"))
    data = tf.data.TFRecordDataset([str(path) for path in files], "GZIP")
    return list(data.as_numpy_iterator())


@pytest.mark.beam
@pytest.mark.parametrize("split", ["train", "eval"])
def test_statistics_are_the_same(results, split):
    memory, engine = (
        statistics_pb2.DatasetFeatureStatisticsList.FromString(
            (folder / "statistics" / f"Split-{split}" / "FeatureStats.pb").read_bytes()
        )
        for folder in results
    )
    assert memory.datasets[0].num_examples == {"train": 2400, "eval": 800}[split]
    assert engine == memory


@pytest.mark.beam
def test_vocabularies_are_the_same(results):
    memory, engine = (
        {
            path.name: path.read_bytes()
            for path in (folder / "graph" / "transform_fn" / "assets").iterdir()
        }
        for folder in results
    )
    assert memory
    assert engine == memory


@pytest.mark.beam
@pytest.mark.parametrize("split", ["train", "eval"])
def test_transformed_rows_are_the_same(results, split):
    memory, engine = (
        read_records(folder / "transformed" / f"Split-{split}") for folder in results
    )
    assert len(memory) == {"train": 2400, "eval": 800}[split]
    assert sorted(engine) == sorted(memory)

"""Planted data through TFDV itself: what ExampleValidator would hand to the gate."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.types.experimental.simple_artifacts import File
from tfx.types.standard_artifacts import (
    ExampleAnomalies,
    Examples,
    ExampleStatistics,
    Schema,
)
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from components.anomaly_gate.count_values import count_outside
from components.anomaly_gate.finding import Finding
from components.anomaly_gate.judge import SplitEvidence, judge
from components.anomaly_gate.severities import load_severity_rules

type Columns = Mapping[str, Sequence[Any]]


def record_batch(columns: Columns) -> pa.RecordBatch:
    """One value a row, or a list of them; None is a missing feature."""
    arrays = []
    for values in columns.values():
        lists = [v if v is None or isinstance(v, list) else [v] for v in values]
        array = pa.array(lists)
        kind = array.type if pa.types.is_null(array.type) else array.type.value_type
        stored = pa.int64() if pa.types.is_integer(kind) else pa.large_binary()
        if pa.types.is_floating(kind) or pa.types.is_null(kind):
            stored = pa.float32()
        arrays.append(array.cast(pa.large_list(stored)))
    return pa.RecordBatch.from_arrays(arrays, names=list(columns))


def write_examples(path: Path, columns: Columns) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    options = tf.io.TFRecordOptions(compression_type="GZIP")
    with tf.io.TFRecordWriter(str(path), options) as writer:
        for serialized in RecordBatchToExamplesEncoder().encode(record_batch(columns)):
            writer.write(serialized)
    return str(path)


@pytest.fixture
def parse_schema() -> Callable[[str], schema_pb2.Schema]:
    return lambda text: text_format.Parse(text, schema_pb2.Schema())


@pytest.fixture
def find(tmp_path: Path, parse_schema) -> Callable[..., list[Finding]]:
    """Runs TFDV over columns and returns the gate's findings of split "train"."""

    def run(
        schema_text: str,
        columns: Columns,
        *,
        severities: str = "{}",
        max_fraction: float = 0.01,
        with_rows: bool = True,
    ) -> list[Finding]:
        schema = parse_schema(schema_text)
        statistics = stats_impl.generate_statistics_in_memory(record_batch(columns))
        file = write_examples(tmp_path / "rows.gz", columns)
        evidence = SplitEvidence(
            split="train",
            anomalies=tfdv.validate_statistics(statistics, schema),
            statistics=statistics.datasets[0],
            count=(lambda *args: count_outside([file], *args)) if with_rows else None,
        )
        return judge([evidence], schema, load_severity_rules(severities, max_fraction))

    return run


@pytest.fixture
def write_artifacts(tmp_path: Path, parse_schema) -> Callable[..., dict[str, Any]]:
    """Writes what the stages before the gate leave on disk; returns its artifacts."""

    def write(schema_text: str, splits: Mapping[str, Columns]) -> dict[str, Any]:
        artifacts = {
            "anomalies": ExampleAnomalies(),
            "statistics": ExampleStatistics(),
            "schema": Schema(),
            "examples": Examples(),
            "report": File(),
        }
        for name, artifact in artifacts.items():
            artifact.uri = str(tmp_path / name)
        schema = parse_schema(schema_text)
        (tmp_path / "schema").mkdir()
        (tmp_path / "schema" / "schema.pbtxt").write_text(schema_text)
        for split, columns in splits.items():
            folder = f"Split-{split}"
            statistics = stats_impl.generate_statistics_in_memory(record_batch(columns))
            anomalies = tfdv.validate_statistics(statistics, schema)
            contents = {
                "anomalies/{}/SchemaDiff.pb": anomalies.SerializeToString(),
                "statistics/{}/FeatureStats.pb": statistics.SerializeToString(),
            }
            for pattern, content in contents.items():
                path = tmp_path / pattern.format(folder)
                path.parent.mkdir(parents=True)
                path.write_bytes(content)
            write_examples(tmp_path / "examples" / folder / "data.gz", columns)
        return artifacts

    return write

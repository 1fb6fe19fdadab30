"""What is fixed before the DAG is built; light, so that any process may hold it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.config import PipelineConfig
from serving.bundle.contract import Span


@dataclass(frozen=True, kw_only=True, slots=True)
class DagInputs:
    """What is fixed before the DAG is built.

    Attributes:
        config: The pipeline's configuration.
        spans: Spans to read, in order.
        features: Raw features of a request, in order.
        data_digest: SHA-256 over their contents.
        schema_digest: SHA-256 of the curated schema file.
        csv_kinds: Column to "int", "float" or "bytes"; empty for Parquet.
        pipeline_root: Folder for artifacts.
        metadata_path: SQLite file of ML Metadata; "" where a server keeps it.
        server_binary: The server that a model is tried in; "" for our own.
        server_digest: SHA-256 (hex) of that file; "" for our own.
        baseline: How the model to compare with is found: "previous_blessed" here;
            pipeline/stages/baseline.py has the forms for clusters.
    """

    config: PipelineConfig
    spans: Sequence[Span]
    features: Sequence[str]
    data_digest: str
    schema_digest: str
    csv_kinds: Mapping[str, str]
    pipeline_root: str
    metadata_path: str
    server_binary: str
    server_digest: str
    baseline: str = "previous_blessed"

"""What the DAG is built from for a cluster, whose data this machine need not see."""

import hashlib
from pathlib import Path

from pipeline.compile.targets import Target
from pipeline.config import PipelineConfig
from pipeline.dag_inputs import DagInputs
from pipeline.feature_list import read_feature_list
from pipeline.preflight import csv_kinds


def cluster_inputs(
    here: PipelineConfig, there: PipelineConfig, target: Target
) -> DagInputs:
    """Returns the inputs of `pipeline.dag.create_pipeline`.

    Spans and their digest are parameters of each run (runtime_parameters.py), so no
    span is looked at.

    Args:
        here: With this machine's paths: the schema is read from there.
        there: With the cluster's paths.
        target: The cluster.
    """
    schema = Path(here.validation.schema)
    return DagInputs(
        config=there,
        spans=(),
        features=read_feature_list(here.train.features).keys,
        data_digest="",
        schema_digest=hashlib.sha256(schema.read_bytes()).hexdigest(),
        csv_kinds=(
            csv_kinds(schema, leave_out=[here.data.event_time])
            if here.data.format == "csv"
            else {}
        ),
        pipeline_root=here.cluster.pipeline_root,
        metadata_path="",
        server_binary="",
        server_digest="",
        baseline=target.baseline,
    )

"""Stage 2, Examples to statistics, schema and the decision to go on."""

import json
from typing import Any, NamedTuple

from components.anomaly_gate.component import AnomalyGate
from components.columnar_statistics_gen.component import ColumnarStatisticsGen
from components.schema_curator.component import SchemaCurator
from pipeline import tfx_api
from pipeline.stage_configs import ValidationConfig


class Validation(NamedTuple):
    """Components of this stage, in order."""

    statistics_gen: Any
    schema_gen: Any
    schema_curator: Any
    example_validator: Any
    anomaly_gate: Any


def create_validation(
    config: ValidationConfig, *, examples: Any, schema_digest: str
) -> Validation:
    """Describes the data, holds it against the curated schema and gates the run.

    Args:
        config: The validation settings.
        examples: ExampleGen's output channel.
        schema_digest: SHA-256 of the curated schema file.
    """
    statistics_gen = ColumnarStatisticsGen(examples=examples).with_id("statistics_gen")
    statistics = statistics_gen.outputs["statistics"]
    schema_gen = tfx_api.SchemaGen(
        statistics=statistics, infer_feature_shape=False
    ).with_id("schema_gen")
    schema_curator = SchemaCurator(
        proposed_schema=schema_gen.outputs["schema"],
        schema_file=config.schema,
        schema_digest=schema_digest,
    ).with_id("schema_curator")
    schema = schema_curator.outputs["schema"]
    example_validator = tfx_api.ExampleValidator(
        statistics=statistics, schema=schema
    ).with_id("example_validator")
    anomaly_gate = AnomalyGate(
        anomalies=example_validator.outputs["anomalies"],
        statistics=statistics,
        schema=schema,
        examples=examples,
        severities=json.dumps(config.severities, sort_keys=True),
        max_out_of_domain_fraction=config.max_out_of_domain_fraction,
    ).with_id("anomaly_gate")
    return Validation(
        statistics_gen, schema_gen, schema_curator, example_validator, anomaly_gate
    )

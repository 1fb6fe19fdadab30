"""AnomalyGate: data that breaks the schema stops the run."""

from tfx.dsl.component.experimental.annotations import (
    InputArtifact,
    OutputArtifact,
    Parameter,
)
from tfx.dsl.component.experimental.decorators import component

# v1 lacks File.
from tfx.types.experimental.simple_artifacts import File
from tfx.types.standard_artifacts import (
    ExampleAnomalies,
    Examples,
    ExampleStatistics,
    Schema,
)

from components.anomaly_gate.evidence_files import SPLITS, load_evidence
from components.anomaly_gate.finding import AnomalyGateError, stopping_findings
from components.anomaly_gate.gate_report import write_report
from components.anomaly_gate.judge import judge
from components.anomaly_gate.severities import load_severity_rules
from components.schema_curator.schema_file import load_schema


@component
def AnomalyGate(
    anomalies: InputArtifact[ExampleAnomalies],
    statistics: InputArtifact[ExampleStatistics],
    schema: InputArtifact[Schema],
    report: OutputArtifact[File],
    severities: Parameter[str],
    max_out_of_domain_fraction: Parameter[float],
    examples: InputArtifact[Examples] = None,
) -> None:
    """Stops the run where the data breaks the schema; otherwise reports.

    ExampleValidator finds anomalies and lets the run go on. This gate weighs them by
    kind, counts values outside a domain itself, and says what to do.

    Args:
        anomalies: ExampleValidator's output; reads {uri}/Split-{train,eval}/
            SchemaDiff.pb.
        statistics: StatisticsGen's output; reads {uri}/Split-{train,eval}/
            FeatureStats.pb.
        schema: SchemaCurator's output; reads the only file under {uri}.
        report: {uri}/gate_report.json with every finding. Custom properties
            `num_findings`, `num_stopping` (int) and `findings` (JSON list, bounded).
        severities: JSON object, anomaly kind to "stop", "warn" or "ignore"; kinds
            not named keep the default (README.md).
        max_out_of_domain_fraction: Largest share, in [0, 1], of a feature's values
            that may lie outside its domain or range.
        examples: ExampleGen's output, gzipped TFRecords of tf.Example. Read only if
            statistics show values outside without saying how many; without it, such
            counts are upper bounds.

    Raises:
        AnomalyGateError: A finding has severity "stop". Carries all findings.
        DataContractError: A split was not validated.
        ValueError: A severity or the share is not an allowed one.

    Example:
        AnomalyGate(
            anomalies=example_validator.outputs["anomalies"],
            statistics=statistics_gen.outputs["statistics"],
            schema=schema_curator.outputs["schema"],
            examples=example_gen.outputs["examples"],
            severities='{"new_column": "ignore"}', max_out_of_domain_fraction=0.01,
        )
    """
    rules = load_severity_rules(severities, max_out_of_domain_fraction)
    examples_uri = None if examples is None else examples.uri
    evidence = load_evidence(anomalies.uri, statistics.uri, examples_uri)
    findings = judge(evidence, load_schema(schema.uri), rules)
    write_report(report, SPLITS, findings, rules)
    if stopping_findings(findings):
        raise AnomalyGateError(findings)

"""The gate's own artifact: every finding of a run that passed.

{report.uri}/
  gate_report.json    format_version, splits, severities,
                      max_out_of_domain_fraction, num_findings, num_stopping,
                      findings (all fields of finding.Finding)
"""

import dataclasses
import json
from collections.abc import Sequence

# `tfx.v1` has both but takes 8 s to import.
from tfx.dsl.io import fileio
from tfx.types.artifact import Artifact

from components.anomaly_gate.finding import Finding, stopping_findings
from components.anomaly_gate.severities import SeverityRules
from components.schema_curator.bounded_json import bounded_json

REPORT_FILE = "gate_report.json"


class GateReport(Artifact):  # type: ignore[misc]  # TFX ships no types.
    """What AnomalyGate found.

    Custom properties: `num_findings`, `num_stopping` (int; the latter is 0 wherever
    the artifact outlives the run) and `findings` (JSON list, bounded).
    """

    TYPE_NAME = "GateReport"


def write_report(
    report: GateReport,
    splits: Sequence[str],
    findings: Sequence[Finding],
    rules: SeverityRules,
) -> None:
    """Writes gate_report.json and sets the custom properties."""
    num_stopping = len(stopping_findings(findings))
    document = {
        "format_version": 1,
        "splits": list(splits),
        "severities": dict(rules.by_kind),
        "max_out_of_domain_fraction": rules.max_out_of_domain_fraction,
        "num_findings": len(findings),
        "num_stopping": num_stopping,
        "findings": [dataclasses.asdict(finding) for finding in findings],
    }
    fileio.makedirs(report.uri)
    with fileio.open(f"{report.uri}/{REPORT_FILE}", "w") as file:
        file.write(json.dumps(document, indent=1))
    report.set_int_custom_property("num_findings", len(findings))
    report.set_int_custom_property("num_stopping", num_stopping)
    report.set_string_custom_property("findings", bounded_json(findings))

"""Writes what the gate found: a File artifact with every finding of a run that passed.

{report.uri}/
  gate_report.json    format_version, splits, severities,
                      max_out_of_domain_fraction, num_findings, num_stopping,
                      findings (all fields of finding.Finding)

Custom properties: `num_findings`, `num_stopping` (int; the latter is 0 wherever the
artifact outlives the run) and `findings` (JSON list, bounded).

Not an artifact type of our own: Kubeflow's containers import a custom type by its
TYPE_NAME, which must look like `module.Name`, so a class in a package is never found.
"""

import dataclasses
import json
from collections.abc import Sequence

# `tfx.v1` has fileio but takes 8 s to import; it lacks File.
from tfx.dsl.io import fileio
from tfx.types.experimental.simple_artifacts import File

from components.anomaly_gate.finding import Finding, stopping_findings
from components.anomaly_gate.severities import SeverityRules
from components.schema_curator.bounded_json import bounded_json

REPORT_FILE = "gate_report.json"


def write_report(
    report: File,
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
